"""Own evaluators: a function or a class becomes one with a decorator."""

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from concurrent.futures import Future
from functools import cache
from numbers import Real
from typing import Any, ClassVar, Protocol, cast, overload

from groundtrace_evaluators.case import Case, Field
from groundtrace_evaluators.evaluator import Direction, Evaluator, Verdict, fault
from groundtrace_evaluators.registry import check_name, register
from groundtrace_evaluators.score import Score

logger = logging.getLogger(__name__)

_PAIR = 2
_THREAD = "groundtrace-evaluators"
_ENDINGS = (SystemExit, asyncio.CancelledError)
"""What would end the worker, or its loop, and not just this case."""


class OwnEvaluator(Evaluator):
    """An evaluator made of a function of the user's; ``evaluator`` makes them.

    Calling it calls the function as it was written. Whatever the function raises, or returns that is no
    score, becomes the status ``error``.

    Threshold: the one given to the decorator.

    Limits: those of the function.
    """

    takes: ClassVar[tuple[Field, ...]]
    """The parts of a case that the function is given, by keyword; empty when it takes the whole case."""
    optional: ClassVar[frozenset[Field]]
    """Those among them for which it has a default, used where the case has none."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *args: object, **kwargs: object) -> object:
        """What the function itself returns."""
        return self._function(*args, **kwargs)

    def evaluate(self, **inputs: object) -> Score:
        """Score one case given by its parts: ``query``, ``context``, ``answer`` and the other fields of Case.

        Raises TypeError for a part that a case does not have, or of another type.
        """
        return self.evaluate_case(_case(inputs))

    async def aevaluate(self, **inputs: object) -> Score:
        """``evaluate`` without holding up the event loop."""
        return await self.aevaluate_case(_case(inputs))

    def judge(self, case: Case) -> Verdict:
        """Call the function; an asynchronous one runs on a loop of its own thread."""
        found = self._call(case)
        if inspect.isawaitable(found):
            found = _on_loop(found).result()
        return verdict_of(found)

    async def aevaluate_case(self, case: Case) -> Score:
        """Score one case without holding up the event loop."""
        if not is_asynchronous(self._function):
            return await super().aevaluate_case(case)
        started = time.perf_counter()
        lacking = self.lacking(case)
        if lacking is not None:
            return self._score(lacking, started)
        try:
            called = cast("Awaitable[object]", self._call(case))
            pending = _awaited(called) if _is_on_loop() else asyncio.wrap_future(_on_loop(called))
            return self._score(verdict_of(await pending), started)
        except Exception as exc:
            logger.exception("evaluator %s %s failed on a case", self.name, self.version)
            return self._score(fault(exc), started)

    def _call(self, case: Case) -> object:
        try:
            if not self.takes:
                return self._function(case)
            given = [field for field in self.takes if field not in self.optional or case.has(field)]
            return self._function(**{field.value: getattr(case, field) for field in given})
        except _ENDINGS as exc:
            raise RuntimeError(f"the function raised {type(exc).__name__}") from exc


class Decorator(Protocol):
    """What ``evaluator(...)`` gives: a function becomes a ready evaluator, a class a class of evaluators.

    Type checkers go on seeing the class as it was written; ``get(name)`` is an Evaluator to them.
    """

    @overload
    def __call__(self, made: type[Any], /) -> type[OwnEvaluator]: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, made: Callable[..., object], /) -> OwnEvaluator: ...


def evaluator(
    *,
    name: str,
    needs: Collection[Field | str] | None = None,
    threshold: float = 0.5,
    direction: Direction = "higher",
    version: str = "1",
    method: str = "own",
) -> Decorator:
    """Make an evaluator of a function, or of a class whose instances can be called.

    Its parameters are named after the parts of a case that it wants (``query``, ``context``, ``answer``,
    ``expected``, ...), or it has one parameter named ``case``. ``needs`` are the parts without which a case is
    skipped; without it, every parameter that has no default. A function may be asynchronous.

    It returns a number in [0, 1], True (1, label ``pass``) or False (0, label ``fail``), a pair of one of
    these and an explanation, or a ``Score``, whose name, version and method are replaced. Anything else, and
    any exception, is the status ``error`` on that case.

    Under its ``name`` it is known to ``get`` and ``evaluate`` in this process at once; workers and the pages
    find it when its package lists it under the entry point group ``groundtrace_evaluators``. Change
    ``version`` whenever the same case could get another score.

    Raises ValueError for a name that is not snake_case or is a built-in evaluator's, a threshold outside
    [0, 1], or a part that a case does not have; TypeError for a function that takes anything else.

    >>> from groundtrace_evaluators import evaluate
    >>> @evaluator(name="brevity")
    ... def brevity(answer: str) -> float:
    ...     return min(1.0, 50 / max(1, len(answer.split())))
    >>> brevity.evaluate(answer="In 2016.").score, evaluate("brevity", answer="").status.value
    (1.0, 'skipped')
    """
    check_name(name)
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold must be in [0, 1], got {threshold}")
    wanted = None if needs is None else frozenset(map(_field, needs))
    stated = {
        "name": name,
        "threshold": threshold,
        "direction": direction,
        "version": version,
        "method": method,
    }

    def decorate(made: Any) -> Any:
        if isinstance(made, type) and issubclass(made, Evaluator):
            raise TypeError(f"{made!r} is an Evaluator already; offer it by entry point as it is")
        function = made.__call__ if isinstance(made, type) else made
        takes, required = _parts(function, skip_self=isinstance(made, type))
        variables = stated | {"takes": takes, "optional": frozenset(takes) - required}
        variables["needs"] = required if wanted is None else wanted
        if isinstance(made, type):
            return _of_class(made, variables)
        found = _subclass(made, variables)(made)
        register(found)
        return found

    return decorate


def verdict_of(found: object) -> Verdict:
    """A verdict from what a function returned; TypeError or ValueError when it is no score."""
    if isinstance(found, Verdict):
        return found
    if isinstance(found, Score):
        return Verdict(
            score=found.score,
            label=found.label,
            status=found.status,
            explanation=found.explanation,
            evidence=found.evidence,
            cost_usd=found.cost_usd,
        )
    if isinstance(found, tuple) and len(found) == _PAIR and isinstance(found[1], str | None):
        return Verdict(score=_number(found[0]), label=_label(found[0]), explanation=found[1])
    return Verdict(score=_number(found), label=_label(found))


def is_asynchronous(function: Callable[..., object]) -> bool:
    """Whether calling it gives something to await."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself is wanted
    )


def _number(found: object) -> float:
    plain = _plain(found)
    if isinstance(plain, Real):
        return float(plain)
    raise TypeError(
        "an evaluator must return a number in [0, 1], True or False, a Score, or a pair (score, explanation),"
        f" got {type(found).__name__}"
    )


def _label(found: object) -> str | None:
    plain = _plain(found)
    return ("pass" if plain else "fail") if isinstance(plain, bool) else None


def _plain(found: object) -> object:
    """A NumPy scalar as Python's own number or bool; anything else as it is."""
    item = getattr(found, "item", None)
    return item() if callable(item) and getattr(found, "shape", None) == () else found


def _field(part: Field | str) -> Field:
    try:
        return Field(part)
    except ValueError:
        raise ValueError(f"a case has no {part!r}; it has: {', '.join(Field)}") from None


def _parts(function: Callable[..., object], *, skip_self: bool) -> tuple[tuple[Field, ...], frozenset[Field]]:
    """The parts of a case that a function takes, and those among them that it cannot do without."""
    parameters = list(inspect.signature(function).parameters.values())[int(skip_self) :]
    if [parameter.name for parameter in parameters] == ["case"]:
        return (), frozenset()
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{parameter} of {function!r} cannot be filled from a case; name its parts")
        if parameter.name not in set(Field):
            raise TypeError(
                f"{function!r} takes {parameter.name!r}, which a case does not have; it has: {', '.join(Field)}"
            )
    if not parameters:
        raise TypeError(
            f"{function!r} takes nothing; it needs `case`, or at least one of: {', '.join(Field)}"
        )
    required = frozenset(
        Field(parameter.name) for parameter in parameters if parameter.default is parameter.empty
    )
    return tuple(Field(parameter.name) for parameter in parameters), required


def _of_class(made: type[Any], variables: dict[str, object]) -> type[OwnEvaluator]:
    def __init__(self: OwnEvaluator, *args: object, **kwargs: object) -> None:  # noqa: N807 - it is one
        OwnEvaluator.__init__(self, made(*args, **kwargs))

    found = _subclass(made, variables | {"__init__": __init__})
    register(found)
    return found


def _subclass(made: Any, variables: dict[str, object]) -> type[OwnEvaluator]:
    about = {"__doc__": made.__doc__ or OwnEvaluator.__doc__, "__module__": made.__module__}
    return type(made.__name__, (OwnEvaluator,), about | variables)


def _case(inputs: dict[str, object]) -> Case:
    parts = {_part(name): value for name, value in inputs.items()}
    context = parts.get(Field.CONTEXT)
    if isinstance(context, str):
        parts[Field.CONTEXT.value] = (context,)
    return Case(**cast("dict[str, Any]", parts))


def _part(name: str) -> str:
    if name not in set(Field):
        raise TypeError(f"a case has no {name!r}; it has: {', '.join(Field)}")
    return name


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop in a thread of its own for every asynchronous evaluator: clients they keep stay usable."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=_THREAD, daemon=True).start()
    return loop


def _is_on_loop() -> bool:
    return threading.current_thread().name == _THREAD


def _on_loop(found: Awaitable[object]) -> Future[object]:
    if _is_on_loop():
        if isinstance(found, Coroutine):
            found.close()
        raise RuntimeError("an asynchronous evaluator must not wait for another: await its aevaluate_case")
    return asyncio.run_coroutine_threadsafe(_awaited(found), _loop())


async def _awaited(found: Awaitable[object]) -> object:
    try:
        return await found
    except _ENDINGS as exc:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # somebody stopped waiting; it was not the function's doing
        raise RuntimeError(f"the function raised {type(exc).__name__}") from exc

"""A route whose errors are pages too: a person's browser gets words, not JSON."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from groundtrace_collector.amiss import invalid
from groundtrace_collector.errors import ApiError, StoreDownError, StoreLimitError
from groundtrace_collector.pages.page import ErrorPage, rendered
from groundtrace_collector.pages.text import clean

logger = logging.getLogger(__name__)

_TITLES = {400: "That cannot be shown", 404: "Not found", 503: "The store does not answer"}


class PageRoute(APIRoute):
    """Answers an expected error with a page of its status, an unexpected one with 500 and a log entry."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, inside one that turns exceptions into pages."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except ApiError as error:
                return error_page(error.status, error.message)
            except RequestValidationError as error:
                return error_page(400, invalid(error.errors()[0], ""))
            except StoreLimitError as error:
                return error_page(400, str(error))
            except StoreDownError as error:
                return error_page(503, f"{error}. Try again once it is back.")
            except Exception:
                logger.exception("page %s failed", request.url.path)
                return error_page(500, "The collector failed to make this page; its log says why.")

        return guarded


def error_page(status: int, message: str) -> Response:
    """An error as a page."""
    title = _TITLES.get(status, "Something went wrong")
    return rendered(ErrorPage(title=title, status=status, message=clean(message)), status=status)

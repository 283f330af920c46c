"""The API's own description as a page that needs no script and nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from groundtrace_collector.pages.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    place: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    description: str
    parameters: tuple[Parameter, ...]
    body: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsPage(Page):
    """Every operation, by path."""

    template: ClassVar[str] = "api_docs.html"
    section: ClassVar[str] = ""
    version: str
    operations: tuple[Operation, ...]


def docs_page(openapi: Mapping[str, Any]) -> DocsPage:
    """The page for an OpenAPI 3 document."""
    return DocsPage(
        title="API",
        json_url="/openapi.json",
        version=openapi["info"]["version"],
        operations=tuple(_operations(openapi)),
    )


def _operations(openapi: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in sorted(openapi["paths"].items()):
        for method, operation in sorted(methods.items()):
            yield Operation(
                method=method.upper(),
                path=path,
                description=_plain(operation.get("description", operation.get("summary", ""))),
                parameters=tuple(_parameter(each) for each in operation.get("parameters", ())),
                body=tuple(_members(openapi, operation.get("requestBody", {}))),
            )


def _parameter(parameter: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=parameter["name"],
        place=parameter["in"],
        required=parameter.get("required", False),
        description=_plain(parameter.get("description", "")),
    )


def _members(openapi: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[Parameter]:
    """The members of a JSON body whose schema is named."""
    reference = body.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    schema = openapi.get("components", {}).get("schemas", {}).get(reference.rpartition("/")[2], {})
    for name, member in schema.get("properties", {}).items():
        yield Parameter(
            name=name,
            place="body",
            required=name in schema.get("required", ()),
            description=_plain(member.get("description", "")),
        )


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")

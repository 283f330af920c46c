"""Steps that a vector store is searched in: what its traced client found is theirs to tell."""

from typing import ClassVar

from groundtrace.attributes import Attributes
from groundtrace.guard import guarded
from groundtrace.steps.recognise import FoundDocuments
from groundtrace.steps.step import Step


class SearchingStep(Step):
    """A step whose searches are its own: the integrations' store clients make no spans inside it."""

    covering: ClassVar[bool] = True

    # What was found below; one call of the client replaces the one before.
    _below: FoundDocuments | None = None
    _told: Attributes | None = None

    @property
    def model(self) -> None:
        """No model: the space is the encoder's to name."""

    @guarded("taking what a vector store was asked")
    def enrich(self, attributes: Attributes) -> None:
        """Take what a store's client knows of the search, such as its name and how many were wanted."""
        self._told = attributes

    @guarded("taking what a vector store found")
    def take_found(self, found: FoundDocuments) -> None:
        """Take what a store's client found."""
        self._below = found

    def _begin(self) -> None:
        self._below = self._told = None

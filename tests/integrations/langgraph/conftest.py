from tests.integrations.langchain.conftest import traced

__all__ = ["traced"]  # a fixture

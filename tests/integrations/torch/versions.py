"""What the installed version can do: the oldest that is supported knows less."""

import pytest
from sentence_transformers import SentenceTransformer

needs_encode_query = pytest.mark.skipif(
    not hasattr(SentenceTransformer, "encode_query"), reason="this version has no encode_query"
)

"""The demo's two encoders: LangChain ``Embeddings`` that carry a model name and a version.

Neither needs a download or a network, and both are what they say: character n-grams hashed to a
vector, and TF-IDF reduced by a truncated SVD (latent semantic analysis). They fail on different
questions, which is what the demo is there to show.
"""

from collections.abc import Sequence
from typing import Final

from langchain_core.embeddings import Embeddings
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

HASH_DIMENSIONS: Final = 1_024
LSA_DIMENSIONS: Final = 256
WORDS_AND_SIGNS: Final = r"\w+|[^\w\s]"
SEED: Final = 20_260_101


class HashEncoder(Embeddings):
    """``hash@1``: counts of character 3- and 4-grams within words, hashed, unit length.

    It has no vocabulary, so it knows every spelling and no word: strong on names and error messages,
    weak where common words carry the question, because each n-gram counts the same.
    """

    model_name = "hash"
    model_version = "1"

    def __init__(self) -> None:
        self._vectorizer = HashingVectorizer(
            analyzer="char_wb", ngram_range=(3, 4), n_features=HASH_DIMENSIONS, norm="l2"
        )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector of ``HASH_DIMENSIONS`` numbers for each text."""
        rows: list[list[float]] = self._vectorizer.transform(texts).toarray().tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query; queries and documents are encoded alike."""
        return self.embed_documents([text])[0]


class LsaEncoder(Embeddings):
    """``lsa@2``: TF-IDF of words and signs, reduced to ``LSA_DIMENSIONS`` by a seeded SVD, unit length.

    It weighs rare words up and learns which words occur together, from the corpus it is made with; a
    word that the corpus lacks says nothing to it.
    """

    model_name = "lsa"
    model_version = "2"

    def __init__(self, corpus: Sequence[str]) -> None:
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=WORDS_AND_SIGNS)
        weights = self._vectorizer.fit_transform(corpus)
        dimensions = min(LSA_DIMENSIONS, min(weights.shape) - 1)
        with threadpool_limits(1):  # the order of additions, and so the last digits, depend on the threads
            self._svd = TruncatedSVD(dimensions, random_state=SEED).fit(weights)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector of at most ``LSA_DIMENSIONS`` numbers for each text."""
        rows: list[list[float]] = normalize(self._svd.transform(self._vectorizer.transform(texts))).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query; queries and documents are encoded alike."""
        return self.embed_documents([text])[0]


def encoder_name(encoder: HashEncoder | LsaEncoder) -> str:
    """``model@version``, as traces name the encoder."""
    return f"{encoder.model_name}@{encoder.model_version}"

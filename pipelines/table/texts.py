"""Readers of free texts, and the decision whether different texts say something about other rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils.extmath import randomized_svd

from pipelines.table.cells import Floats, Texts, evenly_spaced, factorize, take_rows
from pipelines.table.columns import CategoryReader

_DIGEST = re.compile(r"\{?[0-9a-f-]{16,}\}?", re.IGNORECASE)
# Scripts that are written without blanks: Thai, Lao, Khmer, Myanmar, Japanese, Chinese.
_NO_BLANKS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_CHARACTERS_OF_WORD = 2  # in these scripts
_SAMPLE_SIZE = 10_000  # texts from which a reader of characters learns
_SAMPLE_CHARACTERS = 500_000  # of these texts together
_SIZES = (2, 3, 4)  # characters of an n-gram
_SIZES_WITHOUT_WORDS = (1, 2, 3)
_MIN_TEXTS = 3  # that hold an n-gram
_MAX_GRAMS = 4096  # n-grams that a reader of characters counts
_MAX_LENGTH = 256  # characters of a text that it reads
_MAX_ALPHABET = 4095  # characters that it distinguishes
_POWER_ITERATIONS = 4  # of the randomized singular value decomposition
_BITS = 12  # for one character of an n-gram
_CHUNK = 4096  # texts that are read at once
_MAX_IDENTIFIER = 40  # characters; longer texts are identifiers only if they are digests
_LEAST_LEVELS = 100  # of a column of categories whose characters are read, too
_LEAST_LETTERS = 0.5  # of the characters of its levels
_MOST_ROWS_OF_LEVEL = 50  # on average; with more rows, a model learns the effect of each level by itself
_LARGE_ALPHABET = 12  # a position of a random token has more different characters than this


@dataclass(frozen=True, eq=False)
class CharacterReader:
    """Reads texts as latent components of their character n-grams, and their lengths.

    The components are those of latent semantic analysis (Deerwester et al., 1990, "Indexing by latent semantic
    analysis") on the tf-idf weights of the most frequent n-grams of two to four characters. An n-gram lies within one
    word; a blank before and after each word is part of the word, so that the beginnings and endings of words are
    n-grams of their own. The components are zero where a cell is missing. Case is ignored.

    Attributes
    ----------
    alphabet : str
        The characters of the training texts, in the order of their codes 1, 2, ...; other characters have the code 0.
    grams : ndarray of int64, shape (n_grams,)
        The n-grams that count, sorted; each holds the codes of its characters.
    weights : ndarray of shape (n_grams, n_components)
        Inverse document frequency times the weights of the components.
    idf : ndarray of shape (n_grams,)
    by_word : bool
        False in models that earlier versions have saved: n-grams have one to three characters, without regard to words.
    """

    alphabet: str
    grams: NDArray[np.int64]
    idf: Floats
    weights: NDArray[np.float32]
    by_word: bool = False

    @staticmethod
    def learn(texts: Texts, n_components: int) -> CharacterReader:
        """Return a reader for a column with these distinct, sorted texts."""
        sample = evenly_spaced(texts, _SAMPLE_SIZE)
        size = sum(min(len(text), _MAX_LENGTH) for text in sample)
        sample = evenly_spaced(sample, max(1, int(len(sample) * min(1.0, _SAMPLE_CHARACTERS / max(1, size)))))
        counts: dict[str, int] = {" ": len(sample)}
        for text in sample:
            for character in set("".join(_split(text, by_word=True))):
                counts[character] = counts.get(character, 0) + 1
        alphabet = "".join(sorted(counts, key=lambda c: (-counts[c], c))[:_MAX_ALPHABET])
        rows, grams = _all_grams(sample, _codes(alphabet), by_word=True)
        known, documents = np.unique(grams, return_counts=True)
        # An n-gram of a few texts or of all texts distinguishes no groups of texts.
        useful = (documents >= min(_MIN_TEXTS, len(sample))) & (documents < len(sample))
        known, documents = known[useful], documents[useful]
        frequent = np.sort(np.lexsort((known, -documents))[:_MAX_GRAMS])
        known, documents = known[frequent], documents[frequent]
        idf = np.log((1 + len(sample)) / (1 + documents)) + 1.0
        table = _weighted(rows, grams, len(sample), known, idf)
        return CharacterReader(alphabet, known, idf, _components(table, n_components), by_word=True)

    @property
    def n_components(self) -> int:
        """Number of components."""
        return self.weights.shape[1]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the names of the output columns: ``_length``, ``_component0``, ..."""
        return ("_length", *(f"_component{i}" for i in range(self.n_components)))

    def limited(self, n_features: int) -> CharacterReader:
        """Return a reader with at most this number of components."""
        return replace(self, weights=np.ascontiguousarray(self.weights[:, :n_features]))

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, n_components + 1)."""
        codes, texts = factorize(column)
        values = np.zeros((len(texts), self.n_components + 1))
        values[:, 0] = [len(text) for text in texts]
        numbers = _codes(self.alphabet)
        for start in range(0, len(texts), _CHUNK):
            part = texts[start : start + _CHUNK]
            rows, grams = _all_grams(part, numbers, self.by_word)
            values[start : start + len(part), 1:] = (
                _weighted(rows, grams, len(part), self.grams, self.idf) @ self.weights
            )
        out = take_rows(values, codes)
        out[codes < 0, 1:] = 0.0
        return out


@dataclass(frozen=True)
class TextReader:
    """Reads texts as hashed n-grams of words, lengths in characters and in words, and components of their characters.

    The hashed columns are the l2-normalized counts of word n-grams in each of `n_features` cells, by scikit-learn's
    `HashingVectorizer`. They are zero where a cell is missing.

    Attributes
    ----------
    n_features : int
        Number of hashed columns.
    characters : CharacterReader or None
        Reader of the components; None in models that earlier versions have saved.
    """

    n_features: int
    characters: CharacterReader | None = None

    @property
    def n_components(self) -> int:
        """Number of components."""
        return 0 if self.characters is None else self.characters.n_components

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of the output columns: ``_length``, ``_words``, ``_hash0``, ..., ``_component0``, ..."""
        components = () if self.characters is None else self.characters.suffixes[1:]
        return ("_length", "_words", *(f"_hash{i}" for i in range(self.n_features)), *components)

    def limited(self, n_features: int) -> TextReader:
        """Return a reader with at most this number of hashed columns and components together."""
        if self.characters is None:
            return replace(self, n_features=min(self.n_features, n_features))
        if self.n_features + self.n_components <= n_features:
            return self
        n_components = min(self.n_components, n_features // 2)
        return TextReader(min(self.n_features, n_features - n_components), self.characters.limited(n_components))

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, n_features + n_components + 2)."""
        codes, texts = factorize(column)
        hasher = HashingVectorizer(n_features=self.n_features, ngram_range=(1, 2))
        values = np.zeros((len(texts), self.n_features + 2))
        if len(texts):
            values[:, 0] = [len(text) for text in texts]
            values[:, 1] = [len(text.split()) for text in texts]
            values[:, 2:] = hasher.transform(texts).toarray()
        out = take_rows(values, codes)
        out[codes < 0, 2:] = 0.0
        return out if self.characters is None else np.hstack([out, self.characters.read(column)[:, 1:]])


@dataclass(frozen=True)
class TextCategoryReader(CategoryReader):
    """Reads texts that repeat as codes of categories, their lengths, and the components of their characters.

    The components say which levels are similar. So a model learns something about rare levels, and about levels without
    training rows.
    """

    characters: CharacterReader = field(kw_only=True)

    @staticmethod
    def join(codes: CategoryReader, characters: CharacterReader) -> TextCategoryReader:
        """Return a reader whose output is that of both readers."""
        suffixes = (*CategoryReader.suffixes, *characters.suffixes)
        return TextCategoryReader(codes.levels, codes.grouped, suffixes, characters=characters)

    def limited(self, n_features: int) -> TextCategoryReader:
        """Return a reader with at most this number of components."""
        return self.join(self, self.characters.limited(n_features))

    def read(self, column: pd.Series) -> Floats:
        """Return a float array of shape (n_rows, n_components + 2): the code, the length and the components."""
        return np.hstack([super().read(column), self.characters.read(column)])


def _components(table: Any, n_components: int) -> NDArray[np.float32]:
    """Return the right singular vectors of a sparse table with the largest singular values, one in each column."""
    n = min(n_components, *table.shape)
    if n == 0:
        return np.zeros((table.shape[1], 0), dtype=np.float32)
    _, _, vectors = randomized_svd(table, n, n_iter=_POWER_ITERATIONS, random_state=0, flip_sign=False)
    largest = np.abs(vectors).argmax(axis=1)  # the sign of a vector is arbitrary
    vectors = vectors * np.sign(vectors[np.arange(n), largest])[:, None]
    return np.ascontiguousarray(vectors.T.astype(np.float32))


def _split(text: str, by_word: bool) -> list[str]:
    """Return the parts of a text in lower case that n-grams lie in: words with a blank at both ends, or the text."""
    lower = text[:_MAX_LENGTH].lower()[:_MAX_LENGTH]
    return [f" {word} " for word in lower.split()] if by_word else [lower]


def _codes(alphabet: str) -> NDArray[np.int64]:
    """Return an array that maps the numbers of Unicode to codes; the last entry is for all larger numbers."""
    points = np.array([ord(character) for character in alphabet], dtype=np.int64)
    codes = np.zeros(int(points.max(initial=0)) + 2, dtype=np.int64)
    codes[points] = np.arange(1, len(points) + 1)
    return codes


def _all_grams(texts: Texts, codes: NDArray[np.int64], by_word: bool) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the pairs of row and n-gram that occur, sorted, each once."""
    sizes = _SIZES if by_word else _SIZES_WITHOUT_WORDS
    split = [_split(text, by_word) for text in texts]
    words = [word for own in split for word in own]
    lengths = np.array([len(word) for word in words], dtype=np.intp)
    points = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    letters = codes[np.minimum(points, len(codes) - 1)]
    word_numbers = np.repeat(np.arange(len(words)), lengths)
    rows = np.repeat(np.repeat(np.arange(len(split)), [len(own) for own in split]), lengths)
    pairs = []
    gram = np.zeros(len(letters), dtype=np.int64)
    for n in range(max(sizes)):
        size = max(0, len(letters) - n)
        gram = (gram[:size] << _BITS) | letters[n : n + size]
        if n + 1 in sizes:
            within = word_numbers[:size] == word_numbers[n : n + size]
            pairs.append((rows[:size][within], gram[within]))
    all_rows = np.concatenate([row for row, _ in pairs])
    grams = np.concatenate([value for _, value in pairs])
    order = np.lexsort((grams, all_rows))
    all_rows, grams = all_rows[order], grams[order]
    first = np.ones(len(grams), dtype=bool)
    first[1:] = (grams[1:] != grams[:-1]) | (all_rows[1:] != all_rows[:-1])
    return all_rows[first], grams[first]


def _weighted(
    rows: NDArray[np.intp], grams: NDArray[np.int64], n_rows: int, known: NDArray[np.int64], idf: Floats
) -> Any:
    """Return the l2-normalized tf-idf weights of the known n-grams, as a CSR matrix of shape (n_rows, len(known))."""
    if not len(known):
        return sparse.csr_matrix((n_rows, 0))
    at = np.minimum(np.searchsorted(known, grams), len(known) - 1)
    found = known[at] == grams
    rows, at = rows[found], at[found]
    squares = np.bincount(rows, idf[at] ** 2, minlength=n_rows)
    return sparse.csr_matrix((idf[at] / np.sqrt(squares[rows]), (rows, at)), shape=(n_rows, len(known)))


def mean_words(texts: Texts) -> tuple[float, float]:
    """Return the mean number of words, first by blanks alone, then with those of scripts that have no blanks."""
    blanks = float(np.mean([len(text.split()) for text in texts]))
    signs = float(np.mean([len(_NO_BLANKS.findall(text)) for text in texts]))
    return blanks, blanks + signs / _CHARACTERS_OF_WORD


def _share_of_letters(texts: Texts) -> float:
    """Return the share of letters among the characters of texts."""
    characters = "".join(texts)
    return sum(character.isalpha() for character in characters) / max(1, len(characters))


def holds_similar_texts(sample: Texts, counts: NDArray[np.intp]) -> bool:
    """Return whether levels have few rows each, and are words, so that levels with similar texts may be alike.

    Parameters
    ----------
    sample : ndarray of str
        Some of the levels.
    counts : ndarray of int
        Number of cells of each level.
    """
    if len(counts) < _LEAST_LEVELS or counts.sum() > _MOST_ROWS_OF_LEVEL * len(counts):
        return False
    return _share_of_letters(sample) >= _LEAST_LETTERS and not names_rows(sample, len(counts))


def names_rows(texts: Texts, n_texts: int) -> str:
    """Return why texts that are all different only name the rows, or an empty text if they say more.

    Digests, running numbers and random tokens share no parts that could predict anything in other rows.

    Parameters
    ----------
    texts : ndarray of str
        Some or all of the different texts of a column.
    n_texts : int
        Number of the different texts of the column.
    """
    if all(_DIGEST.fullmatch(text) and any(c.isdigit() for c in text) for text in texts):
        return "digests"
    if float(np.mean([len(text) for text in texts])) > _MAX_IDENTIFIER:
        return ""
    start = _common_start(texts).rstrip("0123456789")
    end = _common_start([text[::-1] for text in texts])[::-1].lstrip("0123456789")
    middle = [text[len(start) : max(len(start), len(text) - len(end))] for text in texts]
    if all(text.isdigit() for text in middle):
        values = np.array([float(text) for text in middle])
        if start or end or values.max() - values.min() < 3 * n_texts:
            return "running numbers"
    lengths = {len(text) for text in middle}
    if len(lengths) == 1 and min(lengths) >= 8 and all(text.isascii() for text in middle):
        places = [np.unique([text[i] for text in middle], return_counts=True)[1] for i in range(min(lengths))]
        if all(len(counts) >= _LARGE_ALPHABET and counts.max() <= 0.25 * len(middle) for counts in places):
            return "random tokens"
    return ""


def _common_start(texts: Sequence[str] | Texts) -> str:
    """Return the longest text with which all texts begin."""
    low, high = min(texts), max(texts)
    return low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))]

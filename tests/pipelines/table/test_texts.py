"""Tests of texts without blanks, and of the decision whether different texts name the rows."""

import hashlib
import uuid

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from pipelines.storage.archive import dump, load
from pipelines.table.reader import TableReader
from tests.pipelines.table.tables import read

N = 400


def choose(rng, options, low, high):
    return "".join(rng.choice(options, rng.integers(low, high)))


def chinese(rng, label):
    words = [*rng.choice(list("这个产品我们昨天收到包装颜色大小价格客服物流速度东西质量"), rng.integers(6, 14))]
    words.insert(rng.integers(len(words)), rng.choice(["很好", "喜欢", "满意"] if label else ["很差", "失望", "退货"]))
    return "".join(words)


def thai(rng, label):
    return choose(rng, list("กขคงจชซ"), 5, 12) + ("ดีมาก" if label else "แย่มาก") + choose(rng, list("กขคงจชซ"), 5, 12)


def dna(rng, label):
    return choose(rng, list("ACGT"), 5, 12) + ("TATAAT" if label else "GGCCGG") + choose(rng, list("ACGT"), 5, 12)


def mail(rng, label):
    return choose(rng, list("abcdefghijklmnop"), 4, 9) + rng.choice(
        ["@corp.de", "@uni.edu"] if label else ["@gmail.com"]
    )


def sku(rng, label):
    return rng.choice(["TX", "QV"] if label else ["BR", "LM"]) + "-" + choose(rng, list("ABCDEFGH0123456789"), 6, 7)


def url(rng, label):
    return f"https://{'shop' if label else 'news'}.example.org/{choose(rng, list('abcdefgh/'), 8, 20)}"


def file(rng, label):
    return f"{choose(rng, list('abcdefgh_'), 5, 9)}{rng.integers(1000)}{'.pdf' if label else '.xlsx'}"


@pytest.mark.parametrize("make", [chinese, thai, dna, mail, sku, url, file])
def test_different_texts_without_blanks_predict_by_their_characters(make):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, N)
    frame = pd.DataFrame({"text": [make(rng, label) for label in y], "x": rng.normal(size=N)})
    reader = TableReader().fit(frame)
    assert [column.kind for column in reader.columns_] == ["text", "number"]
    out = reader.transform(frame)
    assert out.shape[1] <= 2 + N // 20
    model = LogisticRegression(C=10, max_iter=2000).fit(out[:300], y[:300])
    assert model.score(out[300:], y[300:]) > 0.9


@pytest.mark.parametrize(
    "make",
    [
        lambda i: str(uuid.UUID(int=i**9)),
        lambda i: hashlib.sha1(str(i).encode()).hexdigest(),
        lambda i: f"user-{i:04d}",
        lambda i: f"IMG_{i}.jpg",
        lambda i: f"{i:06d}",
        lambda i: "".join(np.random.default_rng(i).choice(list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJK0123456789"), 12)),
    ],
)
def test_digests_running_numbers_and_random_tokens_are_identifiers(make):
    column, _ = read([make(i) for i in range(1, 200)])
    assert column.kind == "identifier"
    assert column.remedy == "text"


def test_texts_in_scripts_without_blanks_are_texts_even_if_they_repeat():
    rng = np.random.default_rng(0)
    column, _ = read([chinese(rng, i % 2) for i in range(100)] * 2)
    assert column.kind == "text"


def test_characters_are_read_the_same_in_one_row_and_in_many():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"text": [sku(rng, i % 2) for i in range(N)] + [None, ""], "x": np.arange(N + 2.0)})
    reader = TableReader().fit(frame)
    out = reader.transform(frame)
    for i in (0, 17, N, N + 1):
        np.testing.assert_array_equal(reader.transform(frame.iloc[[i]]), out[[i]])
    shuffled = frame.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(TableReader().fit_transform(shuffled), out[shuffled.index])
    strange = pd.Series(["𝒳" * 500, "é\ud800"], dtype=object)
    new = reader.transform(pd.DataFrame({"text": strange, "x": [0.0, 1.0]}))
    assert np.isfinite(new).all()


def first_name(rng, label):
    start = "".join(rng.choice(["ma", "ri", "no", "le", "ta", "vi", "do"], rng.integers(1, 4)))
    return (start + rng.choice(["na", "lla", "ia"] if label else ["n", "ro", "rt"])).capitalize()


def names(n=1200, seed=0):
    """Return a table of names that repeat, and their labels; most names say their label by their ending."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    frame = pd.DataFrame({"name": [first_name(rng, label) for label in y], "x": rng.normal(size=n)})
    return frame, y


def test_levels_without_training_rows_predict_by_their_characters():
    frame, y = names()
    new = ~frame["name"].isin(frame["name"][:800]) & (np.arange(len(frame)) >= 800)
    assert new.sum() >= 50
    reader = TableReader().fit(frame[:800])
    column = reader.columns_[0]
    assert column.kind == "category"
    assert column.reader.cardinality == frame["name"][:800].nunique()
    numbers = [position for position in column.positions if position not in reader.categorical_]
    train, test = reader.transform(frame[:800])[:, numbers], reader.transform(frame[new])[:, numbers]
    model = LogisticRegression(C=10, max_iter=2000).fit(train, y[:800])
    assert model.score(test, y[new]) > 0.95


def test_only_many_levels_that_are_texts_get_components():
    frame, _ = names()
    rng = np.random.default_rng(0)
    frame["few"] = rng.choice(["Rome", "Oslo", "Lima"], len(frame))
    frame["code"] = pd.Series([f"{i:05d}" for i in rng.integers(0, 400, len(frame))], dtype="category")
    frame["user"] = [f"user-{i:04d}" for i in rng.integers(0, 400, len(frame))]
    frame["chosen"] = frame["name"]
    reader = TableReader(columns={"chosen": "category"}).fit(frame)
    widths = {column.name: len(column.positions) for column in reader.columns_}
    assert widths == {"name": 2 + 60, "x": 1, "few": 1, "code": 1, "user": 1, "chosen": 1}
    assert len(reader.categorical_) == 5
    repeated = pd.concat([frame[["name"]].drop_duplicates()] * 51)
    assert TableReader().fit(repeated).n_features_out_ == 1


def test_the_components_of_levels_are_the_same_in_one_row_and_in_many_and_after_storage():
    frame, _ = names(400)
    frame.loc[3, "name"] = None
    reader = TableReader().fit(frame)
    out = reader.transform(frame)
    assert np.isnan(out[3, 0])
    assert (out[3, 2 : out.shape[1] - 1] == 0).all()
    for i in (0, 3, 17):
        np.testing.assert_array_equal(reader.transform(frame.iloc[[i]]), out[[i]])
    np.testing.assert_array_equal(load(dump(reader)).transform(frame), out)


def test_short_texts_have_hashed_words_and_components_and_long_ones_only_words():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"title": [f"{rng.choice(['chief', 'junior'])} officer {i} of sales" for i in range(2000)]})
    frame["note"] = frame["title"] + " who works in an office that lies far from here, and who has many duties " * 2
    suffixes = [column.reader.suffixes for column in TableReader().fit(frame).columns_]
    assert [sum("_hash" in suffix for suffix in own) for own in suffixes] == [50, 64]
    assert [sum("_component" in suffix for suffix in own) for own in suffixes] == [50, 0]


def test_texts_are_read_as_before_by_models_of_earlier_versions():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"code": [dna(rng, i % 2) for i in range(60)], "title": [f"a b {i} d" for i in range(60)]})
    reader = TableReader().fit(frame)
    characters, words = (column.reader for column in reader.columns_)
    for each, name in ((characters, "by_word"), (words, "characters")):
        del each.__dict__[name]  # what the readers of earlier versions lacked
    codes = [characters.alphabet.index(letter) + 1 for letter in "ac"]
    single = np.array([codes[0]], dtype=np.int64)
    old = type(characters)(characters.alphabet, single, np.ones(1), np.ones((1, 1)))
    np.testing.assert_array_equal(old.read(pd.Series(["Ac", "CC"])), [[2, 1], [2, 0]])  # n-grams of one character
    assert words.suffixes == ("_length", "_words", *(f"_hash{i}" for i in range(words.n_features)))
    assert words.read(frame["title"]).shape == (60, 2 + words.n_features)


@pytest.mark.parametrize("n", [900, 5000])
@pytest.mark.parametrize("step", [1, 2])
def test_padded_row_numbers_are_identifiers_in_tables_of_any_size(n, step):
    column, out = read([f"{step * i:07d}" for i in range(n)])
    assert column.kind == "identifier"
    assert "running numbers" in column.reason
    assert out.shape[1] == 0


def test_padded_numbers_that_are_far_apart_are_no_row_numbers():
    rng = np.random.default_rng(0)
    column, _ = read([f"{i:07d}" for i in rng.choice(10**7, 5000, replace=False)])
    assert column.kind == "text"

"""Tests of texts without blanks, and of the decision whether different texts name the rows."""

import hashlib
import uuid

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

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

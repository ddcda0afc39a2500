"""Tables in files as offices write them, as bytes; and the same tables in chunks."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import zipfile

import numpy as np
import pandas as pd
import pytest
import zstandard

from automl.errors import InvalidInputError
from automl.table_files.reading import read_chunks, read_table
from automl.table_files.text import FileOptions
from automl.table_files.writing import check_output, open_writer, write_table

TABLE = {"id": [1, 2, 3], "price": [1.5, 22.25, 3.0], "city": ["Zürich", "Köln", "Oslo, N"]}
OPTIONS = FileOptions


def text(separator=",", decimal=".", quote='"', end="\r\n"):
    """The table as a spreadsheet writes it."""
    rows = [separator.join(TABLE)]
    for number, price, city in zip(*TABLE.values(), strict=True):
        rows.append(separator.join([str(number), str(price).replace(".", decimal), f"{quote}{city}{quote}"]))
    return end.join(rows) + end


def put(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(content, *names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


def in_chunks(path, n_rows=1, **arguments):
    return pd.concat([chunk.table for chunk in read_chunks(path, n_rows, **arguments)], ignore_index=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", text().encode()),
        ("t.csv", text(end="\n").encode()),
        ("t.csv", text().encode("utf-8-sig")),
        ("t.csv", text().encode("cp1252")),
        ("t.csv", text(";", ",", "").encode("cp1252")),
        ("t.csv", text(";", ",").encode("utf-16")),
        ("t.txt", codecs.BOM_UTF16_BE + text("\t", ",").encode("utf-16-be")),
        ("t.csv", text("\t").encode("utf-16-le")),
        ("t.csv", text().encode("utf-16-be")),
        ("t.csv", text(";").encode("utf-32")),
        ("t.csv", text("|").encode()),
        ("t.txt", text("|", ",").encode()),
        ("t.txt", text().encode()),
        ("t.txt", text(";").encode()),
        ("t.tsv", text("\t").encode()),
        ("t.tsv", text(";").encode()),
        ("T.CSV", b"sep=;\r\n" + text(";", ",").encode()),
        ("t.csv", codecs.BOM_UTF8 + b'"sep=|"\n' + text("|", ",", end="\n").encode()),
        ("t.csv", text(";").replace("\r\n", ";\r\n").replace("city;", "city").encode()),
        ("t.csv.gz", gzip.compress(text().encode(), mtime=0)),
        ("t.csv.bz2", bz2.compress(text(";", ",").encode("cp1252"))),
        ("t.tsv.xz", lzma.compress(text("\t").encode("utf-16"))),
        ("t.csv.zst", zstandard.compress(text(";", ",").encode())),
        ("t.csv.zst", zstandard.compress(text()[:20].encode()) + zstandard.compress(text()[20:].encode())),
        ("t.csv.zip", zipped(text(), "a folder/", "a folder/t.csv", "__MACOSX/._t.csv")),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_text_file_is_read_in_one_piece_and_in_chunks(tmp_path, name, content):
    path = put(tmp_path, content, name)
    expected = pd.DataFrame(TABLE)
    pd.testing.assert_frame_equal(read_table(path), expected)
    pd.testing.assert_frame_equal(in_chunks(path), expected)
    pd.testing.assert_frame_equal(in_chunks(path, 2), expected)


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("a b\n1 2\n", OPTIONS(separator=" "), {"a": [1], "b": [2]}),
        ("a,b;c\n1,2;3\n", OPTIONS(separator=";"), {"a,b": [1.2], "c": [3]}),
        ("a;b\n1.234;5\n", OPTIONS(decimal=","), {"a": ["1.234"], "b": [5]}),
        ("a;b\n1,5;5\n", OPTIONS(decimal="."), {"a": ["1,5"], "b": [5]}),
        ("a,b\nя,1\n".encode("cp1251"), OPTIONS(encoding="cp1251"), {"a": ["я"], "b": [1]}),
        ("a,b\n表,1\n".encode("shift_jis"), OPTIONS(encoding="shift_jis"), {"a": ["表"], "b": [1]}),
        (codecs.BOM_UTF8 + b"a,b\n1,2\n", OPTIONS(encoding="UTF-8"), {"a": [1], "b": [2]}),
    ],
)
def test_an_option_comes_before_what_the_reader_finds(tmp_path, content, options, expected):
    path = put(tmp_path, content)
    assert read_table(path, options).to_dict("list") == expected
    assert in_chunks(path, options=options).to_dict("list") == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,a,b\n1,2,3\n", ["a", "a.1", "b"]),
        (",b,\n1,2,3\n", ["Unnamed: 0", "b", "Unnamed: 2"]),
        ('"a,b",c\n1,2\n', ["a,b", "c"]),
        ('"a\nb";c\n1;2\n', ["a\nb", "c"]),
        ("\ufeffa,b\n1,2\n", ["a", "b"]),
        ("Größe, cm;x\n1,5;2\n2,5;3\n", ["Größe, cm", "x"]),
        ("name;note, long\nA;x\nB;y, z\n", ["name", "note, long"]),
        ("id,list\n1,a;b;c\n2,d\n", ["id", "list"]),
        ("one\n1,5\n2,5\n3,5\n", ["one"]),
        ("a, long;b;c\n1;2\n" + "1,5;2;3\n" * 3, ["a, long", "b", "c"]),
        ('a;b\n1;"' + "x, y\n" * 90_000 + '"\n2;z\n', ["a", "b"]),
        ("only a header;and no row\n", ["only a header", "and no row"]),
    ],
)
def test_headers_as_they_occur(tmp_path, content, expected):
    assert list(read_table(put(tmp_path, content)).columns) == expected


def test_numbers_with_a_point_in_a_file_with_semicolons_stay_numbers(tmp_path):
    rows = "".join(f"{i}.5;1,2\n" for i in range(3))
    assert read_table(put(tmp_path, f"number;list\n{rows}")).to_dict("list") == {
        "number": [0.5, 1.5, 2.5],
        "list": ["1,2"] * 3,
    }
    rows = "".join(f"0.{i}25;1,2\n" for i in range(3))  # a number that begins with 0 has no thousands
    assert read_table(put(tmp_path, f"number;list\n{rows}"))["number"].tolist() == [0.025, 0.125, 0.225]


def test_thousands_with_points_do_not_hide_the_decimal_comma(tmp_path):
    path = put(tmp_path, "turnover;rate\n1.234;0,5\n2.345;0,7\n3.456;\n")
    assert read_table(path)["rate"].tolist()[:2] == [0.5, 0.7]


def test_decimal_commas_may_have_an_exponent_or_no_digit_before_them(tmp_path):
    path = put(tmp_path, "a;b\n1,5e-05;,5\n2,5E3;-,25\n")
    assert read_table(path).to_dict("list") == {"a": [1.5e-05, 2500], "b": [0.5, -0.25]}
    path = put(tmp_path, "a;b\n1.5e-05;1,234.5\n2.5;1,2\n")
    assert read_table(path)["a"].tolist() == [1.5e-05, 2.5]


def test_a_byte_beyond_the_first_megabytes_decides_the_encoding_of_the_whole_file(tmp_path):
    path = put(tmp_path, b"a,b\n" + b"1,x\n" * 600_000 + "2,é\n".encode("cp1252"))
    assert read_table(path)["b"].iloc[-1] == "é"
    *_, last = read_chunks(path, 250_000)
    assert (last.first_row, last.table["b"].iloc[-1]) == (500_001, "é")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "a,b\nпривет мир,1\n".encode("cp1251"), "with --encoding, for example cp1251"),
        ("t.csv", "a,b\n東京都,1\n".encode("shift_jis"), "--encoding"),
        ("t.csv", b"\0\1\2\0\0\0\4\0", "--encoding"),
        ("t.csv", b"", "cannot be read as csv: it is empty"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "line 3 has 3 cells where 2 were expected.*--separator"),
        ("t.csv.gz", b"no gzip", "cannot be read as csv"),
        ("t.csv.gz", gzip.compress(text().encode(), mtime=0)[:-12], "cannot be read as csv"),
        ("t.csv.xz", b"no xz", "cannot be read as csv"),
        ("t.csv.zst", b"no zst", "cannot be read as csv"),
        ("t.csv.zip", b"no zip", "cannot be read as csv"),
        ("t.csv.zip", zipped("a,b\n1,2\n", "a.csv", "b.csv"), "holds 2 files"),
        ("t.xlsx", b"no workbook", "cannot be read as xlsx"),
        ("t.parquet", b"no parquet", "cannot be read as parquet"),
        ("t.feather", b"no feather", "cannot be read as feather"),
        ("t.docx", b"", r"use the extension \.csv"),
        ("t.parquet.gz", b"", r"use the extension \.csv"),
    ],
)
def test_a_file_that_cannot_be_read_names_what_helps(tmp_path, name, content, message):
    path = put(tmp_path, content, name)
    for read in (read_table, in_chunks):
        with pytest.raises(InvalidInputError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (OPTIONS(encoding="utf8000"), "--encoding"),
        (OPTIONS(encoding="ascii"), "--encoding"),
        (OPTIONS(separator=";;"), "--separator"),
        (OPTIONS(decimal="'"), "--decimal"),
        (OPTIONS(decimal=",", separator=","), "--decimal and --separator"),
        (OPTIONS(sheet="2024"), "--sheet"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, options, message):
    path = tmp_path / "t.xlsx"
    if options.sheet is None:
        path = put(tmp_path, text())
    else:
        pd.DataFrame(TABLE).to_excel(path, index=False)
    with pytest.raises(InvalidInputError, match=message):
        read_table(path, options)


def test_a_missing_file_or_folder_is_named(tmp_path):
    for name in ("t.csv", "t.parquet", "t.xlsx", "t.feather"):
        with pytest.raises(InvalidInputError, match="there is no file"):
            read_table(tmp_path / name)
    with pytest.raises(InvalidInputError, match="folder without Parquet files"):
        read_table(tmp_path)


def test_a_sheet_is_read_by_its_name_or_number(tmp_path):
    path, other = tmp_path / "t.xlsx", pd.DataFrame({"a": [1, 2]})
    with pd.ExcelWriter(path) as book:
        pd.DataFrame(TABLE).to_excel(book, sheet_name="first", index=False)
        other.to_excel(book, sheet_name="2024", index=False)
    pd.testing.assert_frame_equal(read_table(path), pd.DataFrame(TABLE))
    pd.testing.assert_frame_equal(in_chunks(path), pd.DataFrame(TABLE))
    for sheet in ("2024", "2"):
        pd.testing.assert_frame_equal(read_table(path, OPTIONS(sheet=sheet)), other)


def test_leading_zeros_in_text_cells_of_a_sheet_are_kept(tmp_path):
    codes = pd.DataFrame({"zip": ["01234", "10115", None], "plain": ["10115", "20095", "80331"], "n": [1, 2, 3]})
    codes.to_excel(tmp_path / "t.xlsx", index=False)
    table = read_table(tmp_path / "t.xlsx")
    assert table["zip"].tolist()[:2] == ["01234", "10115"]
    assert table["zip"].isna().tolist() == [False, False, True]
    assert table[["plain", "n"]].dtypes.tolist() == ["int64", "int64"]
    assert read_table(tmp_path / "t.xlsx", target="zip")["zip"].tolist()[0] == 1234
    chunks = [chunk.table for chunk in read_chunks(tmp_path / "t.xlsx", 2, texts=["plain"])]
    assert pd.concat(chunks)["plain"].tolist() == ["10115", "20095", "80331"]


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
def test_columnar_files_are_read_in_one_piece_and_in_chunks(tmp_path, name):
    table = pd.DataFrame(TABLE)
    getattr(table, f"to_{name[2:]}")(tmp_path / name)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), table)
    pd.testing.assert_frame_equal(in_chunks(tmp_path / name), table)


def test_a_folder_of_parquet_files_is_one_table_in_the_order_of_their_names(tmp_path):
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame({"b": ["z"], "a": [2.5], "c": [True]}).to_parquet(tmp_path / "2.parquet")
    (tmp_path / "_SUCCESS").touch()
    whole = read_table(tmp_path)
    assert whole["a"].tolist() == [1, 2, 2.5]
    assert whole["b"].tolist() == ["x", "y", "z"]
    assert whole["c"].tolist() == [None, None, True]
    assert in_chunks(tmp_path)["b"].tolist() == ["x", "y", "z"]


def test_a_chunk_holds_rows_of_several_small_row_groups(tmp_path):
    pd.DataFrame({"a": range(10)}).to_parquet(tmp_path / "1.parquet", row_group_size=2)
    pd.DataFrame({"a": range(10, 13)}).to_parquet(tmp_path / "2.parquet")
    chunks = list(read_chunks(tmp_path, 5))
    assert [chunk.first_row for chunk in chunks] == [1, 6, 11]
    assert [chunk.table["a"].tolist() for chunk in chunks] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12]]


def test_folders_may_hold_a_column_in_their_names(tmp_path):
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        pd.DataFrame({"a": [year + 1]}).to_parquet(tmp_path / f"year={year}" / "part.parquet")
    for table in (read_table(tmp_path), in_chunks(tmp_path)):
        assert (table["a"] - table["year"].astype(int)).tolist() == [1, 1]


def test_kept_columns_stay_as_they_are_in_the_file(tmp_path):
    path = put(tmp_path, 'id,x,note\n007,1.50,NA\n010,,"a, b"\n')
    (chunk,) = read_chunks(path, None, texts=["x"], keep=["note", "id"])
    assert chunk.kept.to_dict("list") == {"note": ["NA", "a, b"], "id": ["007", "010"]}
    assert chunk.table["x"].tolist()[0] == "1.50"
    (chunk,) = read_chunks(path, None, keep=None)
    assert list(chunk.kept.columns) == ["id", "x", "note"]
    with pytest.raises(InvalidInputError, match=r"--keep: .* has no column 'name'"):
        list(read_chunks(path, None, keep=["name"]))


def test_a_chunk_of_a_text_column_that_holds_numbers_stays_text(tmp_path):
    path = put(tmp_path, "code\n007\n1.0\nA\n")
    assert [chunk.table["code"].tolist() for chunk in read_chunks(path, 1, texts=["code"])] == [["007"], ["1.0"], ["A"]]


@pytest.mark.parametrize(
    "name",
    ["o.csv", "o.tsv", "o.csv.gz", "o.csv.bz2", "o.csv.zip", "o.csv.zst", "o.parquet", "o.feather", "o.jsonl.gz"],
)
def test_chunks_are_written_as_one_table(tmp_path, name):
    table = pd.DataFrame({"number": [1.5, None, 3.0], "word": ["a,b\tc", "ü", ""]})
    with open_writer(tmp_path / name) as writer:
        for i in range(3):
            writer.write(table[["number"]].iloc[[i]], table[["word"]].iloc[[i]])
    written = read_table(tmp_path / name)
    assert written["number"].tolist()[::2] == [1.5, 3.0]
    assert written["word"].tolist()[:2] == ["a,b\tc", "ü"]


def test_whole_numbers_with_a_missing_cell_stay_whole_numbers(tmp_path):
    pd.DataFrame({"id": pd.array([1, None, 3], dtype="Int64")}).to_parquet(tmp_path / "t.parquet")
    for name in ("o.csv", "o.parquet"):
        with open_writer(tmp_path / name) as writer:
            for chunk in read_chunks(tmp_path / "t.parquet", 1, keep=None):
                writer.write(chunk.kept)
    assert (tmp_path / "o.csv").read_text().split() == ["id", "1", '""', "3"]
    assert pd.read_parquet(tmp_path / "o.parquet", dtype_backend="pyarrow")["id"].dtype == "int64[pyarrow]"


@pytest.mark.parametrize("name", ["o.csv", "o.csv.zst", "o.parquet", "o.feather"])
def test_a_file_appears_as_a_whole_or_not_at_all(tmp_path, name):
    write_table(pd.DataFrame({"a": [1]}), tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(AttributeError), open_writer(tmp_path / name) as writer:
        list(map(writer.write, [pd.DataFrame({"a": np.arange(5)}), "no table"]))
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_output_needs_an_extension_that_can_be_written(tmp_path):
    for name in ("table", "t.xlsx", "t.parquet.gz"):
        with pytest.raises(InvalidInputError, match=r"use the extension \.csv"):
            check_output(tmp_path / name)


def test_whole_numbers_with_leading_zeros_stay_texts(tmp_path):
    path = put(tmp_path, "zip,n,gap,rate,y\n01067,10,007,0.5,01\n50667,2,,01.5,2\n")
    table = read_table(path, target="y")
    assert table["zip"].tolist() == ["01067", "50667"]
    assert table["gap"].dropna().tolist() == ["007"]
    assert table[["n", "rate", "y"]].to_numpy().tolist() == [[10, 0.5, 1], [2, 1.5, 2]]


def test_json_lines_keep_all_digits_and_the_types_of_their_cells(tmp_path):
    line = (
        '{"number": 0.1234567890123456789, "code": "007", "day": "2024-01-31", "flag": true, "id": 9007199254740993}\n'
    )
    path = put(tmp_path, line + '{"number": null, "code": "8", "flag": null, "id": 2}\n', "t.jsonl")
    table = read_table(path)
    assert table["number"].tolist()[0] == 0.12345678901234568
    assert table["code"].tolist() == ["007", "8"]
    assert table.loc[0, ["day", "flag", "id"]].tolist() == ["2024-01-31", True, 9007199254740993]
    write_table(table, tmp_path / "o.ndjson")
    assert (tmp_path / "o.ndjson").read_text().splitlines()[1] == (
        '{"number": null, "code": "8", "day": null, "flag": null, "id": 2}'
    )
    pd.testing.assert_frame_equal(in_chunks(tmp_path / "o.ndjson"), table)


@pytest.mark.parametrize("out", ["o.ndjson", "o.csv", "o.parquet"])
def test_columns_to_keep_have_the_whole_numbers_of_json_lines_beside_missing_cells(tmp_path, out):
    cells = {"id": [9007199254740993, 9007199254740995, None, 7], "n": [1, None, 2.5, 4], "large": [2**63, None, 1, 2]}
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    path = put(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "t.jsonl")
    with open_writer(tmp_path / out) as writer:
        for chunk in read_chunks(path, 2, keep=["id", "n"] if out == "o.parquet" else None):
            writer.write(chunk.kept)
    if out == "o.ndjson":
        assert [json.loads(line) for line in (tmp_path / out).read_text().splitlines()] == rows
    elif out == "o.csv":
        assert pd.read_csv(tmp_path / out, dtype=str)["id"].tolist()[:2] == ["9007199254740993", "9007199254740995"]
    else:
        assert pd.read_parquet(tmp_path / out, dtype_backend="numpy_nullable")["id"].tolist()[:2] == cells["id"][:2]


@pytest.mark.parametrize("rows", [2, 9])
@pytest.mark.parametrize("cells", [[9007199254740993, 1.5, None, 3], [1, "a", 2.5, None], [2**70, 1, 2, 3]])
def test_columns_without_one_type_are_refused_where_a_file_needs_one(tmp_path, cells, rows):
    path = put(tmp_path, "".join(json.dumps({"k": cell}) + "\n" for cell in cells), "t.jsonl")

    def copy(name):
        with open_writer(tmp_path / name) as writer:
            for chunk in read_chunks(path, rows, keep=["k"]):
                writer.write(chunk.kept)
        return tmp_path / name

    for name in ("o.parquet", "o.feather"):
        with pytest.raises(InvalidInputError, match=r"^column 'k' cannot be written .* one type.*\.csv or \.jsonl"):
            copy(name)
        assert not (tmp_path / name).exists()
    assert [json.loads(line)["k"] for line in copy("o.jsonl").read_text().splitlines()] == cells


def test_names_of_columns_of_excel_that_are_numbers_become_texts(tmp_path):
    table = pd.DataFrame({2024: [1.5, 2.0], "code": ["01", "02"], 7: ["03", "04"]})
    table.to_excel(tmp_path / "t.xlsx", index=False)
    assert read_table(tmp_path / "t.xlsx").to_dict("list") == {str(name): list(table[name]) for name in table}
    (chunk,) = read_chunks(tmp_path / "t.xlsx", None, keep=["2024", "7"])
    assert chunk.kept.to_dict("list") == {"2024": [1.5, 2.0], "7": ["03", "04"]}


@pytest.mark.parametrize(("header", "shown"), [(2024, "2024"), (2.5, "2.5"), (True, "True")])
def test_a_header_of_excel_that_is_once_a_text_and_once_none_is_refused(tmp_path, header, shown):
    pd.DataFrame([[1, 2, 3]], columns=["a", header, shown]).to_excel(tmp_path / "t.xlsx", index=False)
    for read in (read_table, in_chunks):
        with pytest.raises(InvalidInputError, match=f"sheet 'Sheet1' has 2 columns named '{shown}'"):
            read(tmp_path / "t.xlsx")
    pd.DataFrame([[1, 2, 3]], columns=[header, "a", "a"]).to_excel(tmp_path / "t.xlsx", index=False)
    assert read_table(tmp_path / "t.xlsx").columns.tolist() == [shown, "a", "a.1"]


def test_columns_to_keep_have_the_whole_numbers_of_excel_beside_missing_cells(tmp_path):
    pd.DataFrame({"id": [1, None, 3], "n": [1, None, 2.5]}).to_excel(tmp_path / "t.xlsx", index=False)
    with open_writer(tmp_path / "o.csv") as writer:
        for chunk in read_chunks(tmp_path / "t.xlsx", 2, keep=None):
            writer.write(chunk.kept)
    assert (tmp_path / "o.csv").read_text().splitlines() == ["id,n", "1,1.0", ",", "3,2.5"]


def test_a_damaged_file_of_json_lines_is_refused(tmp_path):
    for line in ('{"a"', "[1]"):
        with pytest.raises(InvalidInputError, match=r"t\.jsonl' cannot be read as jsonl: line 3"):
            read_table(put(tmp_path, f'{{"a": 1}}\n\n{line}\n', "t.jsonl"))

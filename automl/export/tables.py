"""Code that reads the files which the command line of a script names."""

from __future__ import annotations

from string import Template

PARSER = '''def make_parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description="Train the pipeline on a table.")
    parser.add_argument("table", help="CSV or Parquet file with the training rows")
    parser.add_argument("--test", help="file with rows to score on; by default, five folds of the training rows")
    parser.add_argument("--out", help="file for the trained pipeline, which joblib.load reads")
    parser.add_argument("--separator", default=",", help="character between the cells of a CSV file, such as ;")
    parser.add_argument("--encoding", default="utf-8", help="encoding of a CSV file, such as cp1252")
    parser.add_argument("--decimal", default=".", choices=[".", ","], help="decimal sign of a CSV file")
    return parser
'''
WITH_POINTS = '''def with_points(column):
    """Return a column in which numbers that are texts have decimal points, and no separators of thousands."""
    number = re.compile(r"\\s*[-+]?(\\d*|[1-9]\\d{0,2}(\\.\\d{3})+)(,\\d+)?([eE][-+]?\\d+)?\\s*")

    def with_point(cell):
        is_number = isinstance(cell, str) and number.fullmatch(cell)
        return cell.replace(".", "").replace(",", ".") if is_number else cell

    return column if pd.api.types.is_numeric_dtype(column) else column.map(with_point)
'''
_READ_TABLE = '''def read_table(path, targets, arguments):
    """Return the table in a CSV or Parquet file."""
    texts = $texts
    if path.endswith((".parquet", ".pq")):
        table = pd.read_parquet(path)
    else:
        options = {"sep": arguments.separator, "encoding": arguments.encoding, "decimal": arguments.decimal}
        try:
            table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), **options)
$labels        except (UnicodeError, LookupError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise SystemExit(f"'{path}' cannot be read: {error}; check --separator and --encoding") from error
        if arguments.decimal == ",":
            for name in table.columns.difference(texts):
                table[name] = with_points(table[name])
    for name in targets:
        if name not in table:
            shown = ", ".join(map(str, table.columns[:20]))
            raise SystemExit(f"'{path}' has no column '{name}'; it has: {shown}; check --separator")
    if not len(table):
        raise SystemExit(f"'{path}' has no rows")
    return table
'''
_READ_LABELS = """            # Once more, because the texts NA and None may be classes.
            options |= {"usecols": lambda name: name in $labels, "dtype": str, "keep_default_na": False}
            labels = pd.read_csv(path, **options)
            table[labels.columns] = labels
"""
READ_VALUES = '''def read_target(column):
    """Return a target as numbers; end the script if a cell holds no finite number, as the search refuses it."""
    check_decimal(column)

    def number(cell):
        try:
            return float(cell)
        except (TypeError, ValueError, OverflowError):
            return np.nan

    cells = column.astype(object)  # so that dates and durations do not become whole numbers
    numbers = cells.map(number).to_numpy(dtype=float)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        example = f"such as {cells.iloc[wrong[0]]!r} in row {wrong[0] + 1}; correct these cells or delete their rows"
        raise SystemExit(f"column '{column.name}': {len(wrong)} of {len(cells)} cells hold no finite number, {example}")
    return numbers
'''
CLASS_CODES = '''def class_codes(column, classes):
    """Return the number of the class of each row, its place among the classes; end the script at another label."""

    def text(label):
        return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)

    codes = {text(label): code for code, label in enumerate(classes)}

    def code(label):
        if isinstance(label, str) and label not in codes:  # the text 1.0 may be the class 1
            try:
                label = float(label)
            except ValueError:
                return None
        return codes.get(text(label))

    found = column.astype(object).map(code)
    unknown = np.flatnonzero(found.isna())
    if len(unknown):
        known = ", ".join(map(repr, classes[:20]))
        where = f"column '{column.name}', row {unknown[0] + 1}"
        raise SystemExit(f"{where}: {column.iloc[unknown[0]]!r} is no class of the model; the classes are {known}")
    return found.to_numpy(dtype=int)
'''


def read_table_code(labels: str) -> str:
    """Return the code that reads a file.

    Parameters
    ----------
    labels : str
        The code of the list of targets whose classes are texts; "" for none.
    """
    if not labels:
        return Template(_READ_TABLE).substitute(texts="TEXTS", labels="")
    again = Template(_READ_LABELS).substitute(labels=labels)
    return Template(_READ_TABLE).substitute(texts=f"[*TEXTS, *{labels}]", labels=again)

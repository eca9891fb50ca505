"""What `list --as parquet` and `--as npy` write is what pyarrow and numpy read; what pyarrow packs with zstd goes in."""

import io
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

program, library = sys.argv[3:5]


def syntopic(*arguments, given=b"", where=library):
    ran = subprocess.run([program, "--library", where, *arguments], input=given, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


table = pq.read_table(io.BytesIO(syntopic("list", "--as", "parquet")))
dim = json.loads(syntopic("info", "--json"))["dim"]
vector = table.schema.field("vector").type
assert pa.types.is_fixed_size_list(vector) and vector.list_size == dim, vector
assert vector.value_type == pa.float32(), vector
numbers = np.load(io.BytesIO(syntopic("list", "--as", "npy")))
rows = np.array(table.column("vector").to_pylist(), dtype=np.float32)
assert rows.shape == (5, dim) and (rows == numbers).all()
assert table.column("id").to_pylist() == ["a1", "a2", "b1", "b2", "c1"]

with tempfile.TemporaryDirectory() as folder:
    # A paper without a vector has none there either.
    bare = os.path.join(folder, "bare")
    subprocess.run(["cp", "-r", library, bare], check=True)
    syntopic("add", "-", "--no-embed", given=b'{"id":"d1","title":"Later"}\n', where=bare)
    table = pq.read_table(io.BytesIO(syntopic("list", "--as", "parquet", where=bare)))
    assert pa.types.is_fixed_size_list(table.schema.field("vector").type)
    assert [v is None for v in table.column("vector").to_pylist()] == [False] * 5 + [True]

    other = os.path.join(folder, "other")
    for packing in ["zstd", "snappy", "gzip", "none"]:
        out = io.BytesIO()
        pq.write_table(pa.table({"title": [f"Of {packing}"], "abstract": ["Words."]}), out, compression=packing)
        syntopic("add", "-", "--no-embed", given=out.getvalue(), where=other)
    titles = [json.loads(line)["title"] for line in syntopic("list", "--as", "jsonl", where=other).splitlines()]
    assert sorted(titles) == ["Of gzip", "Of none", "Of snappy", "Of zstd"], titles
print("done")

"""A driver that takes more memory than it may: hungry.py MEBIBYTES."""
import sys
import time

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
held = []
for part in range(int(sys.argv[1]) // 16):
    held.append(bytearray(b"x" * (16 << 20)))
    time.sleep(0.02)
print("it held %d MiB" % (16 * len(held)))
spark.stop()

"""Work for more executors than there are at first, then none: elastic.py TASKS SECONDS LEFT.

Prints on how many executors the tasks ran, and waits until only LEFT of them are left.
"""
import os
import sys
import time

from pyspark.sql import SparkSession

tasks, seconds, left = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])


def work(_number):
    time.sleep(seconds)
    return os.environ.get("SPARK_EXECUTOR_ID", "?")


spark = SparkSession.builder.getOrCreate()
context = spark.sparkContext
names = set(context.parallelize(range(tasks), tasks).map(work).collect())
print("executors: %d" % len(names), flush=True)


def count():
    """Without the driver, which is listed too."""
    return len(context._jsc.sc().statusTracker().getExecutorInfos()) - 1


until = time.monotonic() + 300
while count() > left and time.monotonic() < until:
    time.sleep(0.2)
print("left: %d" % count(), flush=True)
time.sleep(10)
spark.stop()

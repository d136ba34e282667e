"""Many slow tasks: slow.py TASKS SECONDS. Prints on how many executors they ran."""
import os
import sys
import time

from pyspark.sql import SparkSession

tasks, seconds = int(sys.argv[1]), float(sys.argv[2])


def work(_number):
    time.sleep(seconds)
    return os.environ["SPARK_EXECUTOR_ID"] if "SPARK_EXECUTOR_ID" in os.environ else "?"


spark = SparkSession.builder.getOrCreate()
names = spark.sparkContext.parallelize(range(tasks), tasks).map(work).distinct().collect()
print("executors: %d" % len(names))
spark.stop()

"""Works a little on the executors and then fails with the exit code that it is given."""
import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("sum: %d" % spark.sparkContext.parallelize(range(100), 2).sum())
spark.stop()
print("and now it fails", file=sys.stderr)
sys.exit(int(sys.argv[1]))

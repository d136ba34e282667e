"""Counts the words of a text: words.py FILE. Prints the five most frequent, and how many there are."""
import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
words = (spark.sparkContext.textFile(sys.argv[1], 4).flatMap(str.split)
         .map(lambda word: (word.lower(), 1)).reduceByKey(lambda a, b: a + b).cache())
for word, count in words.takeOrdered(5, key=lambda pair: (-pair[1], pair[0])):
    sys.stdout.write("%s: %d\n" % (word, count))
sys.stdout.write("words: %d\n" % words.values().sum())  # In one piece: the JVM writes beside it.
spark.stop()

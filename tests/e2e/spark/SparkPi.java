import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/** Pi by throwing darts, in as many partitions as the first argument says. */
public final class SparkPi {
    private static final int DARTS = 200_000;

    private static int hits(int partition) {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        int hits = 0;
        for (int i = 0; i < DARTS; i++) {
            double x = random.nextDouble() * 2 - 1;
            double y = random.nextDouble() * 2 - 1;
            hits += x * x + y * y <= 1 ? 1 : 0;
        }
        return hits;
    }

    public static void main(String[] args) {
        int partitions = Integer.parseInt(args[0]);
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            numbers.add(i);
        }
        try (JavaSparkContext context = new JavaSparkContext(new SparkConf())) {
            long hits = context.parallelize(numbers, partitions).map(SparkPi::hits)
                    .reduce(Integer::sum);
            System.out.println("Pi is roughly " + 4.0 * hits / ((double) DARTS * partitions));
        }
    }
}

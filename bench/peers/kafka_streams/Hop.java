import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * The hop in Kafka Streams: {@code Hop BOOTSTRAP SOURCE TARGET GROUP COMMIT_INTERVAL_MS THREADS STATE_DIR}.
 *
 * <p>A DSL topology with {@code mapValues}; exactly_once_v2 and commit.interval.ms as on the documentation's page
 * "Configuring a Streams Application" (100 ms is that guarantee's default). Jackson does what pydantic does for the
 * others: types are checked, nothing may be missing.
 */
public final class Hop {
  record Loan(
      @JsonProperty(value = "application_id", required = true) String applicationId,
      @JsonProperty(value = "registered_at", required = true) String registeredAt,
      @JsonProperty(value = "amount_requested", required = true) BigDecimal amountRequested,
      @JsonProperty(value = "outcome", required = true) String outcome,
      @JsonProperty(value = "activities", required = true) List<List<String>> activities) {
    Loan {
      for (List<String> activity : activities) {
        if (activity.size() != 4) throw new IllegalArgumentException("an activity has four parts");
        for (int part = 0; part < 3; part++) {
          if (activity.get(part) == null) throw new IllegalArgumentException("only the last part may be null");
        }
      }
    }
  }

  record Checked(
      @JsonProperty("application_id") String applicationId,
      @JsonProperty("registered_at") String registeredAt,
      @JsonProperty("amount_requested") BigDecimal amountRequested,
      @JsonProperty("outcome") String outcome,
      @JsonProperty("activities") List<List<String>> activities,
      @JsonProperty("steps") int steps) {}

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();
  private static final ObjectReader READ = JSON.readerFor(Loan.class);
  private static final ObjectWriter WRITE = JSON.writerFor(Checked.class);

  private static byte[] check(byte[] value) {
    try {
      Loan loan = READ.readValue(value);
      return WRITE.writeValueAsBytes(
          new Checked(
              loan.applicationId(),
              loan.registeredAt(),
              loan.amountRequested(),
              loan.outcome(),
              loan.activities(),
              loan.activities().size()));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  public static void main(String[] arguments) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[3]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[4]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments[5]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[6]);
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), "6000");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG), "1000");
    StreamsBuilder builder = new StreamsBuilder();
    builder.<byte[], byte[]>stream(arguments[1]).mapValues(Hop::check).to(arguments[2]);
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}

// kafka_client.java - Kafka's own client: see kafka.py for the commands, one JSON object a line.
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

class KafkaProgram {
	static String at;

	static Properties with(String... words) {
		Properties p = new Properties();
		p.put("bootstrap.servers", at);
		p.put("retry.backoff.ms", "20");
		for (int i = 0; i < words.length; i += 2)
			p.put(words[i], words[i + 1]);
		return p;
	}

	static KafkaProducer<String, String> producer(String... words) {
		return new KafkaProducer<>(with(words), new StringSerializer(), new StringSerializer());
	}

	static KafkaConsumer<String, String> consumer(String... words) {
		Properties p = with("auto.offset.reset", "earliest", "enable.auto.commit", "false");
		p.putAll(with(words));
		return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
	}

	static List<TopicPartition> partitions(String topic) {
		return List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1), new TopicPartition(topic, 2));
	}

	static List<String> read(KafkaConsumer<String, String> from, int n) {
		List<String> values = new ArrayList<>();
		long end = System.nanoTime() + 60_000_000_000L;
		while (values.size() < n && System.nanoTime() < end)
			for (ConsumerRecord<String, String> one : from.poll(Duration.ofMillis(200)))
				values.add(one.value().length() > 20 ? one.value().length() + " bytes" : one.value());
		Collections.sort(values);
		return values;
	}

	static Map<String, Long> ends(KafkaConsumer<String, String> of, String topic) {
		Map<String, Long> found = new TreeMap<>();
		of.endOffsets(partitions(topic)).forEach((where, end) -> found.put("" + where.partition(), end));
		return found;
	}

	static Object work(String topic) throws Exception {
		List<Object> out = new ArrayList<>();
		try (Admin admin = Admin.create(with())) {
			admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1), new NewTopic(topic + "-tx", 3, (short) 1))).all().get();
			List<Integer> ids = new ArrayList<>();
			admin.describeCluster().nodes().get().forEach(node -> ids.add(node.id()));
			Collections.sort(ids);
			out.add(ids);
		}
		try (KafkaProducer<String, String> to = producer("compression.type", "gzip", "linger.ms", "5", "max.request.size", "1048576")) {
			List<Future<RecordMetadata>> sent = new ArrayList<>();
			for (int i = 0; i < 300; i++)
				sent.add(to.send(new ProducerRecord<>(topic, i % 3, "k" + i, "v" + i)));
			for (int i = 0; i < 3; i++)
				sent.add(to.send(new ProducerRecord<>(topic, i, "long", "x".repeat(300000))));
			List<String> where = new ArrayList<>();
			for (Future<RecordMetadata> one : sent)
				where.add(one.get().partition() + "@" + one.get().offset());
			out.add(where);
		}
		try (KafkaConsumer<String, String> one = consumer("group.id", topic + "-group")) {
			one.subscribe(List.of(topic));
			out.add(read(one, 303));
			one.commitSync();
			out.add(ends(one, topic));
			Map<String, Long> committed = new TreeMap<>();
			one.committed(Map.of(partitions(topic).get(0), 0, partitions(topic).get(2), 0).keySet())
				.forEach((where, offset) -> committed.put("" + where.partition(), offset.offset()));
			out.add(committed);
		}
		try (KafkaConsumer<String, String> newer = consumer("group.id", topic + "-newer", "group.protocol", "consumer")) {
			newer.subscribe(List.of(topic));
			out.add(read(newer, 303).size());
			newer.commitSync();
		}
		out.add(transact(topic + "-tx", topic));
		return out;
	}

	/* committed, aborted, committed; then what each isolation level reads */
	static Object transact(String topic, String id) {
		List<Object> out = new ArrayList<>();
		KafkaProducer<String, String> to = producer("transactional.id", id, "max.block.ms", "8000");
		try {
			to.initTransactions();
			for (String value : new String[] {"one", "aborted", "two"}) {
				to.beginTransaction();
				to.send(new ProducerRecord<>(topic, 0, "k", value));
				to.flush();
				if (value.equals("aborted"))
					to.abortTransaction();
				else
					to.commitTransaction();
			}
		} finally {
			to.close(Duration.ofSeconds(2));
		}
		for (String level : new String[] {"read_committed", "read_uncommitted"})
			try (KafkaConsumer<String, String> one = consumer("isolation.level", level)) {
				one.assign(partitions(topic).subList(0, 1));
				out.add(read(one, level.equals("read_committed") ? 2 : 3));
			}
		return out;
	}

	static Object send(JsonObject c) throws Exception {
		try (KafkaProducer<String, String> to = producer("retries", "0", "acks", "all", "enable.idempotence", "false",
			"delivery.timeout.ms", "5000", "request.timeout.ms", "4000", "linger.ms", "0", "max.block.ms", "8000")) {
			return to.send(new ProducerRecord<>(c.get("topic").getAsString(), 0, "k", c.get("value").getAsString())).get().offset();
		}
	}

	static Object fetch(JsonObject c) {
		try (KafkaConsumer<String, String> one = consumer("auto.offset.reset", "none")) {
			TopicPartition where = new TopicPartition(c.get("topic").getAsString(), 0);
			one.assign(List.of(where));
			one.seek(where, 0);
			return read(one, 1);
		}
	}

	static KafkaConsumer<String, String> member;

	static Object join(JsonObject c) {
		member = consumer("group.id", c.get("group").getAsString(), "default.api.timeout.ms", "4000");
		member.subscribe(List.of(c.get("topic").getAsString()));
		return read(member, 1).size();
	}

	static Object commit() {
		member.commitSync();
		return null;
	}

	static Object leave() {
		member.close();
		return null;
	}

	static Object throttled(JsonObject c) throws Exception {
		try (KafkaProducer<String, String> to = producer("linger.ms", "0")) {
			for (int i = 0; i < 3; i++)
				to.send(new ProducerRecord<>(c.get("topic").getAsString(), 0, "k", "v")).get();
			double most = 0;
			for (var one : to.metrics().entrySet())
				if (one.getKey().name().equals("produce-throttle-time-max"))
					most = Math.max(most, (Double) one.getValue().metricValue());
			return most;
		}
	}

	static Object create(JsonObject c) throws Exception {
		try (Admin admin = Admin.create(with("default.api.timeout.ms", "5000", "request.timeout.ms", "4000"))) {
			admin.createTopics(List.of(new NewTopic(c.get("topic").getAsString(), 3, (short) 1)),
				new CreateTopicsOptions().retryOnQuotaViolation(false)).all().get();
			return null;
		}
	}

	static Object produce(JsonObject c) throws Exception {
		try (KafkaProducer<String, String> to = producer("linger.ms", "0")) {
			for (int i = 0; i < c.get("n").getAsInt(); i++) {
				to.send(new ProducerRecord<>(c.get("topic").getAsString(), 0, "k", "v")).get();
				Thread.sleep(c.get("pause").getAsInt());
			}
		}
		return null;
	}

	static int leader(Admin admin, TopicPartition where) throws Exception {
		return admin.describeTopics(List.of(where.topic())).allTopicNames().get().get(where.topic()).partitions().get(0).leader().id();
	}

	/* Until this broker leads; each one that is asked may know it later than the others. */
	static int leads(Admin admin, TopicPartition where, int broker) throws Exception {
		while (leader(admin, where) != broker)
			Thread.sleep(50);
		return broker;
	}

	static int moved;               /* where the latest move led to */

	/* The topic's first partition to another broker; returns when that one leads it. */
	static Object move(JsonObject c) throws Exception {
		TopicPartition where = new TopicPartition(c.get("topic").getAsString(), 0);
		try (Admin admin = Admin.create(with())) {
			int led = moved > 0 ? leads(admin, where, moved) : leader(admin, where);
			int to = led % 3 + 1;
			admin.alterPartitionReassignments(Map.of(where, Optional.of(new NewPartitionReassignment(List.of(to))))).all().get();
			return moved = leads(admin, where, to);
		}
	}

	static Object executed(JsonObject c) throws Exception {
		switch (c.get("op").getAsString()) {
		case "work":
			return work(c.get("topic").getAsString());
		case "send":
			return send(c);
		case "fetch":
			return fetch(c);
		case "join":
			return join(c);
		case "commit":
			return commit();
		case "leave":
			return leave();
		case "transact":
			return transact(c.get("topic").getAsString(), c.get("id").getAsString());
		case "throttled":
			return throttled(c);
		case "create":
			return create(c);
		case "produce":
			return produce(c);
		case "move":
			return move(c);
		default:
			throw new IllegalArgumentException(c.toString());
		}
	}

	public static void main(String[] words) throws Exception {
		at = words[0];
		Gson gson = new GsonBuilder().serializeNulls().create();
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		for (String line = lines.readLine(); line != null; line = lines.readLine()) {
			Map<String, Object> answer = new LinkedHashMap<>();
			try {
				answer.put("value", executed(gson.fromJson(line, JsonObject.class)));
			} catch (Exception caught) {
				Throwable error = caught instanceof ExecutionException ? caught.getCause() : caught;
				answer.put("raised", error.getClass().getSimpleName());
				answer.put("text", String.valueOf(error.getMessage()));
			}
			System.out.println(gson.toJson(answer));
			System.out.flush();
		}
	}
}

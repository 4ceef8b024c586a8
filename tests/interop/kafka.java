// kafka.java - three brokers of Apache Kafka in one JVM: "FOLDER CONTROLLER_PORT PORT PORT PORT". The first is the
// controller, too. It ends when its standard input does, or on a signal.
import java.io.FileWriter;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;

class Brokers {
	static Properties settings(Path folder, int id, String controller, String port) {
		Properties p = new Properties();
		String listeners = "PLAINTEXT://127.0.0.1:" + port;
		p.put("process.roles", id == 1 ? "broker,controller" : "broker");
		p.put("node.id", "" + id);
		p.put("controller.quorum.voters", "1@127.0.0.1:" + controller);
		p.put("controller.listener.names", "CONTROLLER");
		p.put("listeners", id == 1 ? listeners + ",CONTROLLER://127.0.0.1:" + controller : listeners);
		p.put("advertised.listeners", listeners);
		p.put("log.dirs", folder.resolve("log-" + id).toString());
		p.put("num.partitions", "3");
		for (String topic : new String[] {"offsets.topic", "transaction.state.log"}) {
			p.put(topic + ".num.partitions", "3");
			p.put(topic + ".replication.factor", "1");
		}
		p.put("transaction.state.log.min.isr", "1");
		p.put("group.initial.rebalance.delay.ms", "0");
		p.put("log.cleaner.enable", "false");
		return p;
	}

	public static void main(String[] words) throws IOException {
		Path folder = Path.of(words[0]);
		String cluster = Uuid.randomUuid().toString();
		Properties[] all = new Properties[words.length - 2];
		for (int i = 0; i < all.length; i++) {
			all[i] = settings(folder, i + 1, words[1], words[i + 2]);
			String file = folder.resolve("settings-" + (i + 1)).toString();
			try (FileWriter out = new FileWriter(file)) {
				all[i].store(out, null);
			}
			kafka.tools.StorageTool.execute(new String[] {"format", "-t", cluster, "-c", file}, System.out);
		}
		KafkaRaftServer[] servers = new KafkaRaftServer[all.length];
		Thread[] starting = new Thread[all.length];
		for (int i = 0; i < all.length; i++) {
			KafkaRaftServer server = servers[i] = new KafkaRaftServer(new KafkaConfig(all[i]), Time.SYSTEM);
			starting[i] = new Thread(server::startup);
			starting[i].start();
		}
	}
}

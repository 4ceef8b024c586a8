// toxiproxy.java - Maven's toxiproxy-java: see toxiproxy.py for the commands, one JSON object a line.
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import eu.rekawek.toxiproxy.Proxy;
import eu.rekawek.toxiproxy.ToxiproxyClient;
import eu.rekawek.toxiproxy.model.Toxic;
import eu.rekawek.toxiproxy.model.ToxicDirection;
import eu.rekawek.toxiproxy.model.ToxicList;
import eu.rekawek.toxiproxy.model.toxic.Latency;
import eu.rekawek.toxiproxy.model.toxic.Slicer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

class ToxiproxyProgram {
	static ToxiproxyClient client;

	static Map<String, Object> shown(Proxy proxy) {
		return Map.of("name", proxy.getName(), "listen", proxy.getListen(), "upstream", proxy.getUpstream(),
			"enabled", proxy.isEnabled());
	}

	static Map<String, Object> shown(Toxic toxic) {
		Map<String, Object> map = new LinkedHashMap<>();
		map.put("name", toxic.getName());
		map.put("stream", toxic.getStream().name().toLowerCase());
		map.put("toxicity", toxic.getToxicity());
		map.put("type", toxic.getClass().getSimpleName());
		return map;
	}

	static long number(JsonObject of, String name) {
		JsonObject attributes = of.getAsJsonObject("attributes");
		return attributes.has(name) ? attributes.get(name).getAsLong() : 0;
	}

	static Toxic added(ToxicList to, JsonObject c) throws IOException {
		String name = c.get("toxic").getAsString();
		ToxicDirection way = ToxicDirection.valueOf(c.get("stream").getAsString().toUpperCase());
		switch (c.get("type").getAsString()) {
		case "latency":
			return to.latency(name, way, number(c, "latency")).setJitter(number(c, "jitter"));
		case "bandwidth":
			return to.bandwidth(name, way, number(c, "rate"));
		case "slow_close":
			return to.slowClose(name, way, number(c, "delay"));
		case "timeout":
			return to.timeout(name, way, number(c, "timeout"));
		case "reset_peer":
			return to.resetPeer(name, way, number(c, "timeout"));
		case "slicer":
			return to.slicer(name, way, number(c, "average_size"), number(c, "delay"))
				.setSizeVariation(number(c, "size_variation"));
		case "limit_data":
			return to.limitData(name, way, number(c, "bytes"));
		default:
			throw new IllegalArgumentException("the client has no such toxic");
		}
	}

	static Object executed(String op, JsonObject c) throws IOException {
		switch (op) {
		case "version":
			return client.version();
		case "list":
			Map<String, Object> all = new LinkedHashMap<>();
			for (Proxy one : client.getProxies())
				all.put(one.getName(), shown(one));
			return all;
		case "create":
			return shown(client.createProxy(c.get("name").getAsString(), c.get("listen").getAsString(),
				c.get("upstream").getAsString()));
		case "reset":
			client.reset();
			return null;
		}
		Proxy proxy = client.getProxy(c.get("name").getAsString());
		switch (op) {
		case "enable":
			proxy.enable();
			break;
		case "disable":
			proxy.disable();
			break;
		case "upstream":
			proxy.setUpstream(c.get("upstream").getAsString());
			break;
		case "delete":
			proxy.delete();
			break;
		case "add":
			Toxic toxic = added(proxy.toxics(), c);
			if (c.has("toxicity"))
				toxic.setToxicity(c.get("toxicity").getAsFloat());
			return shown(toxic);
		case "toxics":
			List<Object> toxics = new ArrayList<>();
			for (Toxic one : proxy.toxics().getAll())
				toxics.add(shown(one));
			return toxics;
		case "update":
			Toxic found = proxy.toxics().get(c.get("toxic").getAsString());
			if (c.has("toxicity"))
				found.setToxicity(c.get("toxicity").getAsFloat());
			if (found instanceof Latency && c.has("attributes"))
				((Latency) found).setLatency(number(c, "latency"));
			return shown(found);
		case "remove":
			proxy.toxics().get(c.get("toxic").getAsString()).remove();
			return null;
		}
		return shown(proxy);
	}

	public static void main(String[] words) throws IOException {
		String[] at = words[0].split(":");
		client = new ToxiproxyClient(at[0], Integer.parseInt(at[1]));
		Gson gson = new GsonBuilder().serializeNulls().create();
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		for (String line = lines.readLine(); line != null; line = lines.readLine()) {
			JsonObject c = gson.fromJson(line, JsonObject.class);
			Map<String, Object> answer = new LinkedHashMap<>();
			try {
				answer.put("value", executed(c.get("op").getAsString(), c));
			} catch (Exception error) {
				answer.put("raised", error.getClass().getSimpleName());
				answer.put("text", String.valueOf(error.getMessage()));
			}
			System.out.println(gson.toJson(answer));
			System.out.flush();
		}
	}
}

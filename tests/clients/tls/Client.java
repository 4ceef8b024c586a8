/* Client - asks a server once per line of stdin, over TLS, and says in one line what came of it.
 * A line is the time-out in ms.
 * Arguments: the file of its CA, "" for those of the system; and the port. */
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Client {
	static SSLContext trusting(String file) throws Exception {
		KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
		store.load(null);
		for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(new FileInputStream(file)))
			store.setCertificateEntry("ca", one);
		TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		trust.init(store);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, trust.getTrustManagers(), null);
		return context;
	}

	static String ask(SSLContext context, int port, int limit) {
		try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
			socket.setSoTimeout(limit);
			SSLParameters p = socket.getSSLParameters();
			p.setEndpointIdentificationAlgorithm("HTTPS");
			socket.setSSLParameters(p);
			socket.startHandshake();
			socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".getBytes());
			byte[] all = socket.getInputStream().readAllBytes();
			return "ok " + all.length;
		} catch (Throwable t) {
			StringBuilder text = new StringBuilder();
			for (; t != null; t = t.getCause())
				text.append(t.getClass().getSimpleName()).append(": ").append(t.getMessage()).append(" < ");
			return text.toString().replace('\n', ' ');
		}
	}

	public static void main(String[] args) throws Exception {
		SSLContext context = args[0].isEmpty() ? SSLContext.getDefault() : trusting(args[0]);
		BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
		for (String line; (line = lines.readLine()) != null;) {
			System.out.println(ask(context, Integer.parseInt(args[1]), Integer.parseInt(line)));
			System.out.flush();
		}
	}
}

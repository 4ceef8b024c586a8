// Testcontainers' module for Toxiproxy with Vaurien's image: only the name of the image differs.
//
//   podman build -f packaging/container/Containerfile --target toxiproxy -t vaurien-toxiproxy:3.0.0 .
import eu.rekawek.toxiproxy.Proxy;
import eu.rekawek.toxiproxy.ToxiproxyClient;
import eu.rekawek.toxiproxy.model.ToxicDirection;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.ToxiproxyContainer;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.utility.DockerImageName;

@Testcontainers
class ToxiproxyTest {
    static final Network network = Network.newNetwork();

    @Container
    static final GenericContainer<?> redis = new GenericContainer<>("redis:7")
            .withExposedPorts(6379).withNetwork(network).withNetworkAliases("redis");

    @Container
    static final ToxiproxyContainer toxiproxy = new ToxiproxyContainer(
            DockerImageName.parse("vaurien-toxiproxy:3.0.0").asCompatibleSubstituteFor("ghcr.io/shopify/toxiproxy"))
            .withNetwork(network);

    @Test
    void aSlowRedis() throws Exception {
        ToxiproxyClient client = new ToxiproxyClient(toxiproxy.getHost(), toxiproxy.getControlPort());
        Proxy proxy = client.createProxy("redis", "0.0.0.0:8666", "redis:6379");
        proxy.toxics().latency("slow", ToxicDirection.DOWNSTREAM, 300);
        // connect to toxiproxy.getHost(), toxiproxy.getMappedPort(8666)
    }
}

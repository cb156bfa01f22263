import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Requests over one HTTP/2 connection of Java's HttpClient.
 *
 * <p>usage: java Client.java URL AUTHORITY (METHOD PATH BODY-FILE)... with "-" where there is none
 *
 * <p>The first request runs alone, then all others at the same time. Prints for each one, in order:
 * status, HTTP version, length of the content, SHA-256 of the content. On an http:// URL the client
 * asks for HTTP/2 with the Upgrade field of HTTP/1.1.
 */
public class Client {
    public static void main(String[] args) throws Exception {
        HttpClient.Builder builder = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2);
        if (!args[1].equals("-")) {
            builder.sslContext(trusting(args[1]));
        }
        HttpClient client = builder.build();
        List<CompletableFuture<HttpResponse<byte[]>>> responses = new ArrayList<>();
        for (int i = 2; i < args.length; i += 3) {
            HttpRequest.BodyPublisher body = args[i + 2].equals("-")
                ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.ofFile(Path.of(args[i + 2]));
            HttpRequest request = HttpRequest.newBuilder(URI.create(args[0] + args[i + 1]))
                .method(args[i], body).build();
            responses.add(client.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray()));
            responses.get(0).join();
        }
        for (CompletableFuture<HttpResponse<byte[]>> future : responses) {
            HttpResponse<byte[]> response = future.join();
            String version = response.version() == HttpClient.Version.HTTP_2 ? "2" : "1.1";
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(response.body());
            System.out.println(response.statusCode() + " " + version + " " + response.body().length
                + " " + HexFormat.of().formatHex(digest));
        }
    }

    private static SSLContext trusting(String authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(authority)) {
            store.setCertificateEntry("authority",
                CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust =
            TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}

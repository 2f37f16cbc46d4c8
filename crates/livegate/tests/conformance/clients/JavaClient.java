import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** java.net.http. It asks to go on in HTTP/2 (`Upgrade: h2c`) unless the first argument is `http1`. */
class JavaClient {
    static final URI URL = URI.create(System.getenv("LIVENESS_URL") + "/v0.2/liveness-verification");
    static final String BOUNDARY = "----JavaClientBoundary";

    static byte[] form(Map<String, String> test) throws IOException {
        var form = new ByteArrayOutputStream();
        if (test.get("body").equals("text")) {
            form.write(head("selfie", "", ""));
            form.write(base64(test).getBytes());
            form.write("\r\n".getBytes());
        } else if (test.containsKey("selfie")) {
            var name = "; filename=\"" + test.get("name") + "\"";
            form.write(head("selfie", name, "Content-Type: " + test.get("type") + "\r\n"));
            form.write(Files.readAllBytes(Path.of(test.get("selfie"))));
            form.write("\r\n".getBytes());
        }
        if (test.containsKey("threshold")) {
            form.write(head("threshold", "", ""));
            form.write((test.get("threshold") + "\r\n").getBytes());
        }
        form.write(("--" + BOUNDARY + "--\r\n").getBytes());
        return form.toByteArray();
    }

    static byte[] head(String part, String filename, String type) {
        var disposition = "Content-Disposition: form-data; name=\"" + part + "\"" + filename + "\r\n";
        return ("--" + BOUNDARY + "\r\n" + disposition + type + "\r\n").getBytes();
    }

    static String base64(Map<String, String> test) throws IOException {
        var bytes = Files.readAllBytes(Path.of(test.get("selfie")));
        return test.get("prefix") + Base64.getEncoder().encodeToString(bytes);
    }

    static String json(Map<String, String> test) throws IOException {
        var quote = test.get("body").equals("json") ? "" : "\"";
        var threshold = quote + test.get("threshold") + quote;
        return "{\"selfie\":\"" + base64(test) + "\",\"threshold\":" + threshold + "}";
    }

    static HttpRequest request(Map<String, String> test) throws IOException {
        var type = "multipart/form-data; boundary=" + BOUNDARY;
        BodyPublisher body;
        if (test.get("body").startsWith("json")) {
            type = "application/json";
            body = BodyPublishers.ofString(json(test));
        } else {
            var form = form(test);
            var isChunked = test.get("body").equals("chunked");
            body = isChunked
                    ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(form))
                    : BodyPublishers.ofByteArray(form);
        }
        var app = "app" + test.get("spelling");
        return HttpRequest.newBuilder(URL)
                .timeout(Duration.ofSeconds(30))
                .header(app + "id", System.getenv("LIVENESS_APP_ID"))
                .header(app + "key", test.getOrDefault("key", System.getenv("LIVENESS_APP_KEY")))
                .header("Content-Type", type)
                .POST(body)
                .build();
    }

    static String quoted(String text) {
        var escaped = text.replace("\\", "\\\\").replace("\"", "\\\"");
        return "\"" + escaped.replace("\r", "\\r").replace("\n", "\\n") + "\"";
    }

    static String value(List<String> values) {
        var all = values.stream().map(JavaClient::quoted).collect(Collectors.joining(","));
        return values.size() == 1 ? all : "[" + all + "]";
    }

    static String answer(HttpResponse<String> response) {
        var headers = response.headers().map().entrySet().stream()
                .map(header -> quoted(header.getKey().toLowerCase()) + ":" + value(header.getValue()))
                .collect(Collectors.joining(","));
        return "{\"status\":" + response.statusCode() + ",\"headers\":{" + headers
                + "},\"body\":" + quoted(response.body()) + "}";
    }

    public static void main(String[] arguments) throws Exception {
        var builder = HttpClient.newBuilder();
        if (List.of(arguments).contains("http1")) {
            builder.version(HttpClient.Version.HTTP_1_1);
        }
        var client = builder.build();
        var pair = Pattern.compile("\"(\\w+)\": ?\"([^\"]*)\"");
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            var test = new HashMap<String, String>();
            pair.matcher(line).results().forEach(found -> test.put(found.group(1), found.group(2)));
            try {
                System.out.println(answer(client.send(request(test), HttpResponse.BodyHandlers.ofString())));
            } catch (IOException error) {
                System.out.println("{\"failure\":" + quoted(error.toString()) + "}");
            }
        }
    }
}

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Pattern;

/** Plain Java: `java BotTest.java`. With JUnit, `main` is a method with `@Test`. */
class BotTest {
    static final HttpClient HTTP = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        Process wechat = new ProcessBuilder("fake-wechat", "--until-eof").start();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(wechat.getInputStream()))) {
            String url = lastWord(lines.readLine());
            Bot bot = new Bot(url, lastWord(lines.readLine()), lastWord(lines.readLine()));

            check(bot.call("/cgi-bin/user/get").contains("\"total\":3"), "a call");
            post(url + "/_fake/revoke", "");
            check(bot.call("/cgi-bin/user/get").contains("\"total\":3"), "a call after a revoke");
            String counters = get(url + "/_fake/counters");
            check(counters.contains("\"mints\":2"), counters);
            check(counters.contains("\"api_errors\":{\"40001\":1}"), counters);
        } finally {
            wechat.destroy();
        }
    }

    /** A client that asks for another token when WeChat rejects the one it has, and calls once more: the code under test. */
    static class Bot {
        private final String url, appId, secret;
        private String token;

        Bot(String url, String appId, String secret) {
            this.url = url;
            this.appId = appId;
            this.secret = secret;
        }

        String call(String path) throws Exception {
            String found = "";
            for (int attempt = 0; attempt < 2; attempt++) {
                if (token == null) {
                    token = fetch();
                }
                found = get(url + path + "?access_token=" + token);
                if (!found.matches("(?s).*\"errcode\":(40001|40014|42001)\\b.*")) {
                    break;
                }
                token = null;
            }
            return found;
        }

        private String fetch() throws Exception {
            String asked = """
                {"grant_type":"client_credential","appid":"%s","secret":"%s"}""".formatted(appId, secret);
            String found = post(url + "/cgi-bin/stable_token", asked);
            var text = Pattern.compile("\"access_token\":\"([^\"]+)\"").matcher(found);
            check(text.find(), found);
            return text.group(1);
        }
    }

    static String get(String url) throws Exception {
        return HTTP.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString()).body();
    }

    static String post(String url, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).POST(BodyPublishers.ofString(body)).build();
        return HTTP.send(request, BodyHandlers.ofString()).body();
    }

    static String lastWord(String line) {
        return line.substring(line.lastIndexOf(' ') + 1);
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}

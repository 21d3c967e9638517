import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.api.impl.WxMaServiceImpl;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import me.chanjar.weixin.common.api.WxConsts;
import me.chanjar.weixin.common.error.WxErrorException;
import me.chanjar.weixin.common.util.http.hc.BasicResponseHandler;
import me.chanjar.weixin.mp.api.WxMpService;
import me.chanjar.weixin.mp.api.impl.WxMpServiceImpl;
import me.chanjar.weixin.mp.config.WxMpHostConfig;
import me.chanjar.weixin.mp.config.impl.WxMpDefaultConfigImpl;
import org.apache.hc.client5.http.classic.methods.HttpGet;

/** A program that uses WxJava as its documentation shows, and does what the lines on its standard input say. */
public class Driver {
  private final WxMpService wechat;
  private final WxMaService miniProgram;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  private Driver(String hub, String tokenHub, String appId, String secret) {
    this.wechat = officialAccount(hub, tokenHub, appId, secret);
    this.miniProgram = miniProgram(hub, appId, secret);
  }

  private static WxMpService officialAccount(String hub, String tokenHub, String appId, String secret) {
    WxMpHostConfig host = new WxMpHostConfig();
    host.setApiHost(hub);

    WxMpDefaultConfigImpl config = new WxMpDefaultConfigImpl();
    config.setAppId(appId);
    config.setSecret(secret);
    config.setHostConfig(host);

    WxMpService wechat = tokenHub == null ? new WxMpServiceImpl() : new TokenFrom(tokenHub);
    wechat.setWxMpConfigStorage(config);
    return wechat;
  }

  /** Asks elsewhere for tokens. */
  static class TokenFrom extends WxMpServiceImpl {
    private final String hub;

    TokenFrom(String hub) {
      this.hub = hub;
    }

    @Override
    protected String doGetAccessTokenRequest() throws IOException {
      String url = String.format("%s/cgi-bin/token?grant_type=client_credential&appid=%s&secret=%s",
          hub, getWxMpConfigStorage().getAppId(), getWxMpConfigStorage().getSecret());
      return getRequestHttpClient().execute(new HttpGet(url), BasicResponseHandler.INSTANCE);
    }
  }

  private static WxMaService miniProgram(String hub, String appId, String secret) {
    WxMaDefaultConfigImpl config = new WxMaDefaultConfigImpl();
    config.setAppid(appId);
    config.setSecret(secret);
    config.setApiHostUrl(hub);

    WxMaService miniProgram = new WxMaServiceImpl();
    miniProgram.setWxMaConfig(config);
    return miniProgram;
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, String> variables = System.getenv();
    Driver driver = new Driver(
        variables.get("WECHAT_BASE_URL"), variables.get("WECHAT_TOKEN_BASE_URL"),
        variables.get("WECHAT_APP_ID"), variables.get("WECHAT_SECRET"));
    say(Map.of("ready", true, "sdk", "WxJava " + version(), "token_url_apart", true));

    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      say(driver.answer(line.split(" ")));
    }
    driver.threads.shutdown();
  }

  private Map<String, Object> answer(String[] command) throws InterruptedException {
    try {
      return switch (command[0]) {
        case "calls" -> calls(Integer.parseInt(command[1]));
        case "upload" -> Map.of("ok", true, "media_id", wechat.getMaterialService()
            .mediaUpload(WxConsts.MediaFileType.IMAGE, new File(command[1])).getMediaId());
        case "download" -> {
          File file = wechat.getMaterialService().mediaDownload(command[1]);
          Files.move(file.toPath(), Path.of(command[2]), StandardCopyOption.REPLACE_EXISTING);
          yield Map.of("ok", true);
        }
        case "web_login" -> Map.of("ok", true, "openid",
            wechat.getOAuth2Service().getAccessToken(command[1]).getOpenId());
        case "mini_login" -> Map.of("ok", true, "openid",
            miniProgram.jsCode2SessionInfo(command[1]).getOpenid());
        default -> Map.of("skipped", "there is no such command");
      };
    } catch (InterruptedException interrupted) {
      throw interrupted;
    } catch (Exception error) {
      return Map.of("ok", false, "error", inShort(error));
    }
  }

  private Map<String, Object> calls(int count) throws InterruptedException {
    Callable<Object> call = () -> wechat.getUserService().userList(null);
    int ok = 0;
    Map<String, Integer> errors = new TreeMap<>();
    for (Future<Object> done : threads.invokeAll(Collections.nCopies(count, call))) {
      try {
        done.get();
        ok++;
      } catch (ExecutionException failed) {
        errors.merge(inShort(failed.getCause()), 1, Integer::sum);
      }
    }
    return Map.of("ok", ok, "failed", count - ok, "errors", errors);
  }

  /** WeChat's code and the names of the exceptions: their texts can hold URLs with secrets in them. */
  private static String inShort(Throwable error) {
    return Stream.iterate(error, Objects::nonNull, Throwable::getCause)
        .map(one -> one instanceof WxErrorException refused
            ? "errcode " + refused.getError().getErrorCode() : one.getClass().getSimpleName())
        .distinct()
        .collect(Collectors.joining(", "));
  }

  private static String version() throws Exception {
    Properties properties = new Properties();
    String name = "/META-INF/maven/com.github.binarywang/weixin-java-mp/pom.properties";
    try (var file = WxMpService.class.getResourceAsStream(name)) {
      properties.load(file);
    }
    return properties.getProperty("version");
  }

  private static void say(Map<String, Object> answer) {
    System.out.println(new Gson().toJson(answer));
  }
}

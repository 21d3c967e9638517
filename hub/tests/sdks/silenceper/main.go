// Drives silenceper/wechat: a command on each line of standard input, its outcome as JSON on standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/miniprogram"
	miniConfig "github.com/silenceper/wechat/v2/miniprogram/config"
	"github.com/silenceper/wechat/v2/officialaccount"
	offConfig "github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/material"
	"github.com/silenceper/wechat/v2/util"
)

// toHub sends what is for WeChat to the hub.
type toHub struct{ hub *url.URL }

func (to toHub) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host == "api.weixin.qq.com" {
		request = request.Clone(request.Context())
		request.URL.Scheme, request.URL.Host, request.Host = to.hub.Scheme, to.hub.Host, ""
	}
	return http.DefaultTransport.RoundTrip(request)
}

type outcome map[string]any

type driver struct {
	account *officialaccount.OfficialAccount
	mini    *miniprogram.MiniProgram
}

func newDriver(appID, secret string, hub *url.URL, tokenHub string) driver {
	wc := wechat.NewWechat()
	wc.SetHTTPClient(&http.Client{Transport: toHub{hub}, Timeout: time.Minute})
	wc.SetCache(cache.NewMemory())

	if tokenHub != "" {
		util.SetURIModifier(func(uri string) string {
			return strings.Replace(uri, "https://api.weixin.qq.com/cgi-bin/token", tokenHub+"/cgi-bin/token", 1)
		})
	}

	return driver{
		wc.GetOfficialAccount(&offConfig.Config{AppID: appID, AppSecret: secret}),
		wc.GetMiniProgram(&miniConfig.Config{AppID: appID, AppSecret: secret}),
	}
}

func (d driver) calls(count int) outcome {
	followers := d.account.GetUser()
	outcomes := make([]error, count)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			_, outcomes[i] = followers.ListUserOpenIDs()
		}(i)
	}
	all.Wait()
	failed, errors := 0, map[string]int{}
	for _, err := range outcomes {
		if err != nil {
			failed++
			errors[brief(err)]++
		}
	}
	return outcome{"ok": count - failed, "failed": failed, "errors": errors}
}

func (d driver) upload(path string) (outcome, error) {
	media, err := d.account.GetMaterial().MediaUpload(material.MediaTypeImage, path)
	return outcome{"ok": true, "media_id": media.MediaID}, err
}

func (d driver) download(mediaID, path string) (outcome, error) {
	address, err := d.account.GetMaterial().GetMediaURL(mediaID)
	if err != nil {
		return nil, err
	}
	picture, err := util.HTTPGet(address)
	if err != nil {
		return nil, err
	}
	return outcome{"ok": true}, os.WriteFile(path, picture, 0o600)
}

func (d driver) webLogin(code string) (outcome, error) {
	user, err := d.account.GetOauth().GetUserAccessToken(code)
	return outcome{"ok": true, "openid": user.OpenID}, err
}

func (d driver) miniLogin(code string) (outcome, error) {
	session, err := d.mini.GetAuth().Code2Session(code)
	return outcome{"ok": true, "openid": session.OpenID}, err
}

func (d driver) run(line string) (outcome, error) {
	words := append(strings.Fields(line), "", "")
	switch command, first, second := words[0], words[1], words[2]; command {
	case "calls":
		count, err := strconv.Atoi(first)
		return d.calls(count), err
	case "upload":
		return d.upload(first)
	case "download":
		return d.download(first, second)
	case "web_login":
		return d.webLogin(first)
	case "mini_login":
		return d.miniLogin(first)
	default:
		return nil, fmt.Errorf("unknown command")
	}
}

var code = regexp.MustCompile(`(?:errcode|statusCode)=-?\d+`)

// brief tells what went wrong, without the URL that Go's texts have in them.
func brief(err error) string {
	if code := code.FindString(err.Error()); code != "" {
		return strings.Replace(code, "=", " ", 1)
	}
	return fmt.Sprintf("%T", err)
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/silenceper/wechat/v2" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "?"
}

func main() {
	hub, err := url.Parse(os.Getenv("WECHAT_BASE_URL"))
	if err != nil {
		panic(err)
	}
	d := newDriver(os.Getenv("WECHAT_APP_ID"), os.Getenv("WECHAT_SECRET"), hub, os.Getenv("WECHAT_TOKEN_BASE_URL"))
	say := json.NewEncoder(os.Stdout)
	say.Encode(outcome{"ready": true, "sdk": "silenceper/wechat " + version(), "token_url_apart": true})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		done, err := d.run(lines.Text())
		if err != nil {
			done = outcome{"ok": false, "error": brief(err)}
		}
		say.Encode(done)
	}
}

package bot

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// start gives the address, the app id and the secret of a WeChat that ends with the test.
func start(t *testing.T) (url, appID, secret string) {
	wechat := exec.Command("fake-wechat", "--until-eof")
	stdin, _ := wechat.StdinPipe()
	stdout, _ := wechat.StdoutPipe()
	if err := wechat.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); wechat.Wait() })
	lines := bufio.NewScanner(stdout)
	for _, said := range []*string{&url, &appID, &secret} {
		lines.Scan()
		*said = lines.Text()[strings.LastIndex(lines.Text(), " ")+1:]
	}
	return url, appID, secret
}

func TestSurvivesARevoke(t *testing.T) {
	url, appID, secret := start(t)
	bot := &Bot{URL: url, AppID: appID, Secret: secret}
	for range [2]int{} {
		if found, err := bot.Call("/cgi-bin/user/get"); err != nil || found.Total != 3 {
			t.Fatal(found, err)
		}
		http.Post(url+"/_fake/revoke", "", nil)
	}

	answer, err := http.Get(url + "/_fake/counters")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var counters struct {
		Mints     int            `json:"mints"`
		APIErrors map[string]int `json:"api_errors"`
	}
	json.NewDecoder(answer.Body).Decode(&counters)
	if counters.Mints != 2 || counters.APIErrors["40001"] != 1 {
		t.Fatal(counters)
	}
}

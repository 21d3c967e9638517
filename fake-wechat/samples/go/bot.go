// Package bot is the code under test: a client that asks for another token when WeChat rejects the one it has, and calls
// once more.
package bot

import (
	"encoding/json"
	"net/http"
	"strings"
)

type Bot struct{ URL, AppID, Secret, token string }

type Answer struct {
	Errcode     int    `json:"errcode"`
	AccessToken string `json:"access_token"`
	Total       int    `json:"total"`
}

func (b *Bot) Call(path string) (found Answer, err error) {
	for attempt := 0; attempt < 2; attempt++ {
		if b.token == "" {
			if b.token, err = b.fetch(); err != nil {
				return found, err
			}
		}
		answer, err := http.Get(b.URL + path + "?access_token=" + b.token)
		if found, err = read(answer, err); err != nil {
			return found, err
		}
		switch found.Errcode {
		case 40001, 40014, 42001:
			b.token = ""
		default:
			return found, nil
		}
	}
	return found, nil
}

func (b *Bot) fetch() (string, error) {
	asked, err := json.Marshal(map[string]string{
		"grant_type": "client_credential", "appid": b.AppID, "secret": b.Secret,
	})
	if err != nil {
		return "", err
	}
	answer, err := http.Post(b.URL+"/cgi-bin/stable_token", "application/json", strings.NewReader(string(asked)))
	found, err := read(answer, err)
	return found.AccessToken, err
}

func read(answer *http.Response, err error) (found Answer, _ error) {
	if err != nil {
		return found, err
	}
	defer answer.Body.Close()
	return found, json.NewDecoder(answer.Body).Decode(&found)
}

"""An SDK, and the program that drives it."""

import json
import subprocess

from programs import APP_ID, HUNG, Program, Trouble


class Driver(Program):
    """A program of an SDK's user."""

    def __init__(self, sdk, **options):
        environment = {f"WECHAT_{name.upper()}": value for name, value in options.items()}
        super().__init__(sdk.run, sdk.folder, {"WECHAT_APP_ID": APP_ID, **environment})
        self.ready = self.hear_outcome()
        if self.ready.get("ready") is not True:
            self.process.kill()
            raise Trouble(f"it is not ready: {self.ready}")

    def hear_outcome(self):
        line = self.hear()
        try:
            return dict(json.loads(line))
        except (TypeError, ValueError):
            self.process.kill()
            raise Trouble(f"it said {line!r}, which is no outcome") from None

    def call(self, count):
        """Has it call, and gives what to ask for the outcome."""
        self.say(f"calls {count}")

        def outcome():
            outcome = self.hear_outcome()
            if outcome.get("ok", 0) + outcome.get("failed", 0) != count:
                raise Trouble(f"it was to call {count} times, and says {outcome}")
            return outcome

        return outcome

    def ask(self, line):
        self.say(line)
        return self.hear_outcome()

    def end(self):
        """End of input is the end of a driver."""
        self.process.stdin.close()
        try:
            code = self.process.wait(HUNG)
        except subprocess.TimeoutExpired:
            raise Trouble(f"it was still there {HUNG} s after the end of its input") from None
        if code != 0:
            raise Trouble(f"it ended with {code}. {self.last_errors()}")


class Sdk:
    """What stands in a folder's `command.json`: `name`, `needs` (commands), `build` (a script, given the folder to build
    in), `run` (from its own folder), and whether the SDK sends again with another token when one is refused
    (`replays`, true unless it says otherwise)."""

    def __init__(self, folder, target):
        said = json.loads((folder / "command.json").read_text())
        self.folder, self.target = folder, target / folder.name
        self.name, self.needs, self.replays = said["name"], said["needs"], said.get("replays", True)
        self.build_script = folder / said["build"]
        self.run = [word.replace("{target}", str(self.target)) for word in said["run"]]

    def build(self):
        self.target.mkdir(parents=True, exist_ok=True)
        built = subprocess.run(
            [self.build_script, self.target], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if built.returncode != 0:
            raise Trouble(f"it cannot be built: {built.stdout[-2000:]}")

#!/bin/sh
# Builds TARGET/driver.jar, with what it needs in TARGET/lib; nothing to do, and no network, if it is there already.
set -eu
target=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"
jar=$target/driver.jar
if [ "$jar" -nt pom.xml ] && [ "$jar" -nt Driver.java ]; then exit 0; fi
mvn --quiet --batch-mode -Dtarget="$target" package
touch "$jar"

#!/bin/sh
# rustdoc with its unstable flags, for examples.py.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"

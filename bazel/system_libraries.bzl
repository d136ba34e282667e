"""The system libraries of this project, in one table."""

load("//bazel:llhttp.bzl", "llhttp_library")
load("//bazel:system_library.bzl", "system_library")

def system_libraries():
    # Debian's libev-dev has no .pc file.
    system_library(
        name = "libev",
        debian_packages = ["libev-dev"],
        headers = ["ev.h"],
        linkopts = ["-lev"],
    )
    system_library(
        name = "lmdb",
        debian_packages = ["liblmdb-dev"],
        headers = ["lmdb.h"],
        pkg_config = "lmdb",
    )
    system_library(
        name = "libcurl",
        debian_packages = ["libcurl4-openssl-dev"],
        headers = ["curl/curl.h"],
        min_version = "7.74",
        pkg_config = "libcurl",
    )
    system_library(
        name = "jansson",
        debian_packages = ["libjansson-dev"],
        headers = ["jansson.h"],
        min_version = "2.13",
        pkg_config = "jansson",
    )
    system_library(
        name = "openssl",
        debian_packages = ["libssl-dev"],
        headers = ["openssl/ssl.h", "openssl/evp.h"],
        min_version = "3.0",
        pkg_config = "openssl",
    )
    system_library(
        name = "libyaml",
        debian_packages = ["libyaml-dev"],
        headers = ["yaml.h"],
        pkg_config = "yaml-0.1",
    )
    system_library(
        name = "libical",
        debian_packages = ["libical-dev"],
        headers = ["libical/ical.h"],
        min_version = "3.0",
        pkg_config = "libical",
    )
    system_library(
        name = "zlib",
        debian_packages = ["zlib1g-dev"],
        headers = ["zlib.h"],
        pkg_config = "zlib",
    )
    system_library(
        name = "zstd",
        debian_packages = ["libzstd-dev"],
        headers = ["zstd.h"],
        min_version = "1.5",
        pkg_config = "libzstd",
    )
    system_library(
        name = "cmocka",
        debian_packages = ["libcmocka-dev"],
        # cmocka.h needs these before it.
        headers = ["stdarg.h", "stddef.h", "stdint.h", "setjmp.h", "cmocka.h"],
        pkg_config = "cmocka",
    )
    llhttp_library(name = "llhttp")

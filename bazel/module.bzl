"""module: one library and its test. program: one binary.

    module(
        name = "plan",                   # policy/plan.c, policy/plan.h
        deps = [":job", "//base:error"],
        test_deps = ["//base:rng"],      # tests/policy/plan_test.c
    )
"""

load("//bazel:layers.bzl", "layer_visibility")

def module(
        name,
        srcs = None,
        hdrs = None,
        deps = [],
        visibility = None,
        copts = [],
        defines = [],
        linkopts = [],
        data = [],
        testonly = False,
        test = True,
        test_srcs = None,
        test_deps = [],
        test_data = [],
        test_size = "small",
        test_tags = [],
        test_copts = [],
        test_args = [],
        test_env = {}):
    """Declares the library NAME and the test NAME_test.

    Args:
      name: the module; its files are NAME.c and NAME.h.
      srcs: instead of NAME.c ([] for a header alone).
      hdrs: instead of NAME.h.
      deps: what the module includes.
      visibility: instead of the folder's own (bazel/layers.bzl).
      copts: compiler options of the library alone.
      defines: macros for the library and all who use it.
      linkopts: linker options of whoever links the library.
      data: files needed at run time.
      testonly: for fakes and helpers of tests.
      test: False if there is no test of this module's own.
      test_srcs: instead of tests/FOLDER/NAME_test.c.
      test_deps: what the test includes beside the module.
      test_data: files the test reads.
      test_size: small (a minute), medium, large or enormous.
      test_tags: such as "long" (not in ./run test).
      test_copts: compiler options of the test alone.
      test_args: the test's arguments.
      test_env: the test's environment.
    """
    package = native.package_name()
    native.cc_library(
        name = name,
        srcs = srcs if srcs != None else [name + ".c"],
        hdrs = hdrs if hdrs != None else [name + ".h"],
        copts = copts,
        data = data,
        defines = defines,
        linkopts = linkopts,
        testonly = testonly,
        visibility = visibility or layer_visibility(package),
        deps = deps,
    )
    if not test:
        return
    native.cc_test(
        name = name + "_test",
        size = test_size,
        srcs = test_srcs or ["//tests/%s:%s_test.c" % (package, name)],
        args = test_args,
        copts = test_copts,
        data = test_data,
        env = test_env,
        tags = test_tags,
        visibility = ["//visibility:private"],
        deps = [":" + name] + test_deps + ["//tests:test"],
    )

def program(name, srcs = None, deps = [], visibility = None, **kwargs):
    """Declares the binary NAME, whose main is in NAME.c."""
    native.cc_binary(
        name = name,
        srcs = srcs if srcs != None else [name + ".c"],
        visibility = visibility or ["//visibility:public"],
        deps = deps,
        **kwargs
    )

target_compile_options(report_tests PRIVATE -Wno-maybe-uninitialized)  # false alarm of GCC 12 about std::regex under the sanitizers

target_compile_options(golden_tests PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # false alarm of GCC 12 about std::regex under the sanitizers

# Runs that are killed need a process of their own.
target_compile_definitions(cli_tests PRIVATE SPIKESMITH_PROGRAM="$<TARGET_FILE:spikesmith_program>")
add_dependencies(cli_tests spikesmith_program)
if(TARGET spikesmith_torch)  # files of tests/infer/test.cmake
  add_dependencies(cli_tests torchscript_networks spikesmith_torch)
  set_source_files_properties(cli/infer_test.cpp PROPERTIES COMPILE_DEFINITIONS SPIKESMITH_TORCHSCRIPT="${CMAKE_CURRENT_BINARY_DIR}/torchscript")
endif()

# Runs that are killed need a process of their own.
target_compile_definitions(cli_tests PRIVATE SPIKESMITH_PROGRAM="$<TARGET_FILE:spikesmith_program>")
add_dependencies(cli_tests spikesmith_program)

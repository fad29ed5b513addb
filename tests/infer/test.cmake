target_link_libraries(infer_tests PRIVATE Eigen3::Eigen TBB::tbb)

# TorchScript files, where libtorch is found. They are written by a program of their own, so that the tests start without libtorch.
if(TARGET spikesmith_torch)
  find_package(Torch QUIET)
  add_executable(write_torchscript ${CMAKE_CURRENT_LIST_DIR}/torchscript/write_networks.cpp)
  target_link_libraries(write_torchscript PRIVATE ${TORCH_LIBRARIES})
  target_compile_options(write_torchscript PRIVATE -w)
  set(networks ${CMAKE_CURRENT_BINARY_DIR}/torchscript)
  add_custom_command(OUTPUT ${networks}/perceptron.pt COMMAND ${CMAKE_COMMAND} -E make_directory ${networks}
    COMMAND write_torchscript ${networks} DEPENDS write_torchscript)
  add_custom_target(torchscript_networks DEPENDS ${networks}/perceptron.pt)
  add_dependencies(infer_tests torchscript_networks spikesmith_torch)
  set_source_files_properties(infer/torch_embedding_test.cpp PROPERTIES COMPILE_DEFINITIONS SPIKESMITH_TORCHSCRIPT="${networks}")
endif()

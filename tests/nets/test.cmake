# libtorch, where it is found, is the oracle of the gradients.
find_package(Torch QUIET)
if(Torch_FOUND)
  target_link_libraries(nets_tests PRIVATE ${TORCH_LIBRARIES})
  set_source_files_properties(nets/torch_test.cpp PROPERTIES COMPILE_DEFINITIONS SPIKESMITH_HAS_TORCH
    COMPILE_OPTIONS "${TORCH_CXX_FLAGS};-w")
endif()

target_link_libraries(infer_tests PRIVATE Eigen3::Eigen TBB::tbb)

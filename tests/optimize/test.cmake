find_package(Ceres REQUIRED)  # the oracle of least squares
target_link_libraries(optimize_tests PRIVATE Ceres::ceres)

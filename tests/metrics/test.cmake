target_link_libraries(metrics_tests PRIVATE nlohmann_json::nlohmann_json)  # published cases of the Gamma factor

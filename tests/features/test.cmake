target_link_libraries(features_tests PRIVATE spikesmith_data nlohmann_json::nlohmann_json)  # recordings, reference values

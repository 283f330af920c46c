SELECT Project, Labels, Calibration, CreatedAt
FROM calibrations FINAL
ORDER BY Evaluator, EvaluatorVersion, Method, Project

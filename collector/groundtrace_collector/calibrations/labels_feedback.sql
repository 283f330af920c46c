SELECT Project, TraceId, Value, Label, Seq FROM feedback FINAL WHERE Name = {label_name:String}

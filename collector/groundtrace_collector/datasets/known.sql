-- Which of these contents are stored, whatever dataset has them.
SELECT DISTINCT toString(Digest) AS Known
FROM dataset_rows
WHERE Project = {project:String} AND Digest IN {digests:Array(String)}

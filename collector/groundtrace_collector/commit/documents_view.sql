-- What makes documents of spans, as the store runs it.
SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = 'retrieved_documents_mv'

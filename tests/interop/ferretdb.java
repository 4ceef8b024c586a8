// ferretdb.java - MongoDB's driver of Java: "work PORT [OPTIONS]" prints what a workload gets, "fail PORT" the first error.
import com.mongodb.MongoException;
import com.mongodb.MongoWriteConcernException;
import com.mongodb.MongoWriteException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.MongoCursor;
import com.mongodb.client.model.Accumulators;
import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.DeleteOneModel;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.Indexes;
import com.mongodb.client.model.InsertOneModel;
import com.mongodb.client.model.ReturnDocument;
import com.mongodb.client.model.Sorts;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.Updates;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.bson.Document;

class FerretProgram {
	static Document user(Object id, int n, String text) {
		return new Document("_id", id).append("n", n).append("text", text);
	}

	static void work(MongoClient client) {
		MongoCollection<Document> users = client.getDatabase("java").getCollection("users");
		List<Object> out = new ArrayList<>();
		client.getDatabase("java").drop();
		List<Document> many = new ArrayList<>(), long_ones = new ArrayList<>();
		for (int i = 0; i < 300; i++)
			many.add(user(i, i % 7, "x".repeat(i)));
		for (int i = 0; i < 5; i++)
			long_ones.add(user(1000 + i, 5, "y".repeat(200000)));
		out.add(users.insertMany(many).getInsertedIds().size());
		out.add(users.insertMany(long_ones).getInsertedIds().size());
		for (Document one : users.find(Filters.eq("n", 3)).sort(Sorts.descending("_id")).batchSize(7))
			out.add(one.toJson());
		out.add(users.find(Filters.gte("_id", 1000)).into(new ArrayList<>()).size());
		out.add(users.updateMany(Filters.eq("n", 1), Updates.inc("n", 10)).getModifiedCount());
		out.add(users.deleteMany(Filters.eq("n", 0)).getDeletedCount());
		out.add(users.findOneAndUpdate(Filters.eq("_id", 5), Updates.set("n", 99),
			new FindOneAndUpdateOptions().returnDocument(ReturnDocument.AFTER)).toJson());
		out.add(users.countDocuments());
		out.add(new TreeSet<>(users.distinct("n", Integer.class).into(new ArrayList<>())));
		List<String> sums = new ArrayList<>();
		for (Document one : users.aggregate(List.of(Aggregates.match(Filters.lt("n", 5)),
			Aggregates.group("$n", Accumulators.sum("sum", 1)))))
			sums.add(one.toJson());
		sums.sort(null);
		out.add(sums);
		out.add(users.createIndex(Indexes.ascending("n")));
		out.add(users.bulkWrite(List.of(new InsertOneModel<>(user("a", 1, "")), new DeleteOneModel<>(Filters.eq("_id", 9)),
			new UpdateOneModel<>(Filters.eq("_id", "a"), Updates.set("b", 1)))).getModifiedCount());
		try {
			users.insertOne(user(6, 6, ""));
		} catch (MongoWriteException error) {
			out.add(error.getError().getCode());
		}
		out.add(client.getDatabase("java").listCollectionNames().into(new ArrayList<>()));
		System.out.println(out);
	}

	static void fail(MongoClient client) {
		MongoCollection<Document> of = client.getDatabase("java").getCollection("failing");
		try {
			of.insertOne(new Document("n", 1));
			try (MongoCursor<Document> all = of.find().batchSize(1).iterator()) {
				while (all.hasNext())
					all.next();
			}
			System.out.println("none");
		} catch (MongoException error) {
			int code = error instanceof MongoWriteConcernException ? ((MongoWriteConcernException) error).getWriteConcernError().getCode()
				: error.getCode();
			System.out.println(error.getClass().getSimpleName() + " " + (code < 0 ? "" : code) + " " +
				String.join(",", new TreeSet<>(error.getErrorLabels())));
		}
	}

	public static void main(String[] words) {
		String options = "?heartbeatFrequencyMS=500&serverSelectionTimeoutMS=20000" + (words.length > 2 ? "&" + words[2] : "");
		try (MongoClient client = MongoClients.create("mongodb://127.0.0.1:" + words[1] + "/" + options)) {
			if (words[0].equals("work"))
				work(client);
			else
				fail(client);
		}
	}
}

using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace OnnxMoe.Artifacts;

/// <summary>A CSV file (RFC 4180) whose first line names the columns, read line by line.</summary>
internal sealed class CsvTable : IDisposable
{
    readonly CsvReader _reader;
    readonly string _path;

    CsvTable(CsvReader reader, string path) => (_reader, _path) = (reader, path);

    /// <exception cref="UserError">The file is missing or has no line of names.</exception>
    public static CsvTable Open(string path)
    {
        StreamReader text;
        try
        {
            text = new StreamReader(path);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserError($"'{path}' does not exist.", error);
        }
        var reader = new CsvReader(text, new CsvConfiguration(CultureInfo.InvariantCulture) { TrimOptions = TrimOptions.Trim, PrepareHeaderForMatch = name => name.Header.ToLowerInvariant() });
        var table = new CsvTable(reader, path);
        if (!table.Next() || !reader.ReadHeader())
        {
            table.Dispose();
            throw new UserError($"'{path}' is empty; its first line must name the columns.");
        }
        return table;
    }

    public bool Has(string column) => _reader.HeaderRecord!.Contains(column, StringComparer.OrdinalIgnoreCase);

    /// <summary>Goes to the next line that is not empty.</summary>
    public bool Next()
    {
        try
        {
            return _reader.Read();
        }
        catch (BadDataException error)
        {
            throw Wrong("quotes do not match", error);
        }
    }

    /// <summary>A whole number of this line.</summary>
    /// <exception cref="UserError">It is none, or outside of the range.</exception>
    public long Whole(string column, long least, long most) =>
        long.TryParse(Word(column), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? value
        : throw Wrong(column, $"whole numbers from {least} to {most} are right");

    /// <summary>A number of this line.</summary>
    /// <exception cref="UserError">It is none.</exception>
    public float Number(string column) =>
        float.TryParse(Word(column), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && float.IsFinite(value) ? value : throw Wrong(column, "a number is right");

    /// <summary>A word of this line that names a value of <typeparamref name="T"/>.</summary>
    /// <exception cref="UserError">It does not.</exception>
    public T Choice<T>(string column) where T : struct, Enum =>
        Enum.GetNames<T>().Contains(Word(column), StringComparer.OrdinalIgnoreCase) ? Enum.Parse<T>(Word(column), ignoreCase: true)
        : throw Wrong(column, $"{string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()} are right");

    /// <summary>What to say when this line is wrong.</summary>
    public UserError Wrong(string what, Exception? inner = null) => new($"'{_path}', line {_reader.Context.Parser!.RawRow}: {what}.", inner);

    public void Dispose() => _reader.Dispose();

    string Word(string column) => _reader.TryGetField<string>(column, out var word) ? word ?? "" : "";

    UserError Wrong(string column, string right) => Wrong($"the {column} is '{Word(column)}', but {right}");
}

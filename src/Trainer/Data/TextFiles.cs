using System.Text;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>Reads text files as documents, in the order of their names.</summary>
internal static class TextFiles
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="source">A file of any name, or a folder whose .txt files are read, those of its sub-folders too.</param>
    /// <exception cref="UserError">Nothing there, no text in it, or bytes that are not UTF-8.</exception>
    public static List<TextDocument> Read(string source)
    {
        if (File.Exists(source))
            return [new(Path.GetFileName(source), ReadText(source))];
        if (!Directory.Exists(source))
            throw new UserError($"Data:Source names '{source}', which is neither built in ({BuiltInText.Names}) nor a file nor a folder.");
        var documents = Directory.EnumerateFiles(source, "*.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => new TextDocument(Path.GetRelativePath(source, path), ReadText(path))).ToList();
        return documents.Count > 0 ? documents : throw new UserError($"The folder {source} (Data:Source) has no .txt files.");
    }

    private static string ReadText(string path)
    {
        try
        {
            return StrictUtf8.GetString(File.ReadAllBytes(path)).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException problem)
        {
            throw new UserError($"{path} is not UTF-8 text (byte {problem.Index}); convert it, for example with 'iconv -t UTF-8'.", problem);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path} cannot be read: {problem.Message}", problem);
        }
    }
}

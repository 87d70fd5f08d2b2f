using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http;

/// <summary>
/// The page for people: one HTML document, put together from the files of <c>Pages</c> that it names. Its content security policy allows these scripts
/// and this style, by their hashes, and connections to this server alone.
/// </summary>
internal sealed partial class Page
{
    private readonly byte[] _document;
    private readonly string _policy;

    public Page()
    {
        var (styles, scripts) = (new List<string>(), new List<string>());
        var html = StyleLink().Replace(Resource("index.html"), link => Inline("style", Resource(link.Groups[1].Value), styles));
        html = ScriptLink().Replace(html, link => Inline("script", Resource(link.Groups[1].Value), scripts));
        _document = Encoding.UTF8.GetBytes(html);
        _policy = $"default-src 'none'; script-src {string.Join(' ', scripts)}; style-src {string.Join(' ', styles)}; connect-src 'self'; img-src data:; "
            + "form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
    }

    /// <summary>Writes it as the whole answer.</summary>
    public Task Write(HttpContext context)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.ContentSecurityPolicy = _policy;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        context.Response.Headers.CacheControl = "no-cache";
        return ResponseBody.WriteAsync(context, _document);
    }

    private static string Inline(string element, string text, List<string> hashes)
    {
        var content = $"\n{text}";
        hashes.Add($"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(content)))}'");
        return $"<{element}>{content}</{element}>";
    }

    private static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(Page).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().ReplaceLineEndings("\n"); // as a browser reads it, and so hashes it
    }

    [GeneratedRegex("""<link rel="stylesheet" href="([a-z]+\.css)">""")]
    private static partial Regex StyleLink();

    [GeneratedRegex("""<script src="([a-z]+\.js)"></script>""")]
    private static partial Regex ScriptLink();
}

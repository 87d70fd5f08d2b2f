using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Texts that are not UTF-8 are the client's mistake, whatever is wrong with them.</summary>
internal sealed class InvalidUtf8 : IDrill
{
    private static readonly string[] Routes = ["/v1/completions", "/v1/chat/completions", "/tokenize"];

    public string Name => "invalid-utf8";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await setting.StartAsync();
        await using (server)
        {
            byte[][] wrong = [[0xFF], [0xC0, 0xAF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xFE, 0xFF, 0x00]];
            var count = 0;
            foreach (var route in Routes)
                foreach (var bytes in wrong)
                {
                    var status = RawHttp.Send(server, route, [.. "{\"prompt\": \"a"u8, .. bytes, .. "\", \"messages\": [{\"role\": \"user\", \"content\": \""u8, .. bytes, .. "\"}]}"u8]);
                    DrillFailedException.Unless(status == 400, $"{route} answered a text with the bytes {Convert.ToHexString(bytes)} with status {status}; 400 is right.");
                    count++;
                }
            await questions.RequireAllAsync(server, "After invalid UTF-8");
            return $"{count} requests: all 400";
        }
    }
}

<?php
// index: the front of the Laravel peer.  Classes come from a map of what earlier
// requests needed, as an optimised autoloader has it; ?learn adds to that map.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
$base = $_SERVER['PEER_BASE'];
spl_autoload_register(static function (string $class): void {
	if (strncmp($class, 'Peer\\App\\', 9) === 0)
		require __DIR__ . '/app/' . substr($class, 9) . '.php';
});
if (is_file("$base/classes.php")) {
	[$files, $classes] = require "$base/classes.php";
	spl_autoload_register(static function (string $class) use ($classes): void {
		static $whole = false;
		if (isset($classes[$class]))
			require $classes[$class];
		elseif (!$whole) {
			$whole = true;
			require_once 'Illuminate/autoload.php';
			spl_autoload_call($class);
		}
	});
	foreach ($files as $file)
		require_once $file;
} else {
	require_once 'Illuminate/autoload.php';
}
require_once dirname(__DIR__) . '/common.php';

$app = new Illuminate\Foundation\Application($base);
$app->singleton(Illuminate\Contracts\Http\Kernel::class, Peer\App\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Peer\App\Handler::class);
$kernel = $app->make(Illuminate\Contracts\Http\Kernel::class);
$request = Illuminate\Http\Request::capture();
$response = $kernel->handle($request)->send();
$kernel->terminate($request, $response);

if (isset($_GET['learn'])) {
	[$files, $classes] = is_file("$base/learnt.json") ? json_decode(file_get_contents("$base/learnt.json"), true) : [[], []];
	foreach (array_merge(get_declared_classes(), get_declared_interfaces(), get_declared_traits()) as $class) {
		$file = (new ReflectionClass($class))->getFileName();
		if ($file && !str_contains($class, '@anonymous') && strncmp($class, 'Peer\\', 5) && !str_ends_with($file, 'autoload.php'))
			$classes[$class] = $file;
	}
	foreach (get_defined_functions()['user'] as $name) {
		$file = (new ReflectionFunction($name))->getFileName();
		if (!str_contains($name, '{closure}') && strncmp($name, 'peer\\', 5))
			$files[] = $file;
	}
	$learnt = [array_values(array_unique($files)), $classes];
	file_put_contents("$base/learnt.json", json_encode($learnt));
	if ($_GET['learn'] === 'last')
		file_put_contents("$base/classes.php", '<?php return ' . var_export($learnt, true) . ';');
}
